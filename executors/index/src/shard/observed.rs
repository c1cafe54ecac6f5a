//! How large a shard is, for whoever looks.

use std::sync::{Arc, Weak};

use flowrun_sdk::Metrics;

use super::Shard;
use crate::storage::StorageKind;

/// Lets the host see the sizes. What is written meanwhile is not waited for, and a shard that was closed is not kept.
pub(super) fn observe(shard: &Arc<Shard>, metrics: &Metrics) {
    let show = |name: &str, help: &str, size: fn(&Shard) -> Option<u64>| {
        let shard: Weak<Shard> = Arc::downgrade(shard);
        #[expect(clippy::cast_precision_loss, reason = "numbers are shown as doubles")]
        metrics.observable_gauge(name, help, move || Some(size(&*shard.upgrade()?)? as f64));
    };
    show("index_documents", "Documents that are stored.", |shard| {
        let state = shard.state.try_read()?;
        Some(state.view().counters.documents)
    });
    if shard.settings.schema.kind == StorageKind::Vectors {
        show("index_vectors", "Vectors that are searched.", |shard| {
            let state = shard.state.try_read()?;
            Some(state.vectors.as_ref().map_or(0, |_| state.view().live()))
        });
    }
    show("index_bytes", "Bytes that they take on disk, backups not counted.", |shard| {
        shard.layout.bytes().ok()
    });
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use super::super::tests::{change, settings};
    use super::*;
    use crate::derived::IndexChoice;
    use crate::storage::Fsync;

    #[test]
    fn what_is_stored_is_seen_and_what_is_written_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::standalone(directory.path());
        let open = || Shard::open(&context, settings(IndexChoice::AUTO, Fsync::Never)).unwrap();
        let (shard, _replica) = (open(), open());
        let seen = || {
            let value = |name: &str| {
                context.metrics.samples().into_iter().find(|one| one.name == name).unwrap().value
            };
            (value("index_documents"), value("index_vectors"), value("index_bytes"))
        };
        let empty = seen();
        assert_eq!((empty.0, empty.1), (0.0, 0.0));
        for id in ["a", "b"] {
            shard.apply(change(id)).unwrap();
        }
        let filled = seen();
        assert_eq!((filled.0, filled.1), (2.0, 2.0));
        assert!(filled.2 > empty.2, "{filled:?}, before {empty:?}");
        let _writing = shard.state.write();
        assert_eq!((seen().0, seen().1), (2.0, 2.0));
    }
}
