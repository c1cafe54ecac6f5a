//! Metrics of the size of a shard.

use std::sync::{Arc, Weak};

use flowrun_sdk::Metrics;

use super::shard_core::Shard;
use crate::storage::StorageKind;

/// Registers the metrics of a shard. Reading them never waits for a writer, and does not keep a closed shard open.
pub(super) fn register(shard: &Arc<Shard>, metrics: &Metrics) {
    let gauge = |name: &str, help: &str, size: fn(&Shard) -> Option<u64>| {
        let shard: Weak<Shard> = Arc::downgrade(shard);
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
        metrics.observable_gauge(name, help, move || Some(size(&*shard.upgrade()?)? as f64));
    };
    gauge("index_documents", "Documents that are stored.", |shard| {
        let state = shard.try_state()?;
        Some(state.view().counters.documents)
    });
    if shard.settings.schema.kind == StorageKind::Vectors {
        gauge("index_vectors", "Vectors that are searched.", |shard| {
            let state = shard.try_state()?;
            Some(state.vectors.as_ref().map_or(0, |_| state.view().live_rows()))
        });
    }
    gauge("index_bytes", "Bytes on disk of documents, vectors and index, without backups.", |shard| {
        shard.layout.bytes().ok()
    });
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use super::super::OpenShard;
    use super::super::tests::{change, settings};
    use crate::ann::IndexChoice;
    use crate::storage::Fsync;

    #[test]
    fn metrics_show_stored_sizes_and_do_not_wait_for_a_writer() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::standalone(directory.path());
        let open = || OpenShard::open(&context, settings(IndexChoice::AUTO, Fsync::Never)).unwrap();
        let (shard, _replica) = (open(), open());
        let read = || {
            let value = |name: &str| {
                context.metrics.samples().into_iter().find(|one| one.name == name).unwrap().value
            };
            (value("index_documents"), value("index_vectors"), value("index_bytes"))
        };
        let empty = read();
        assert_eq!((empty.0, empty.1), (0.0, 0.0));
        for id in ["a", "b"] {
            shard.apply(change(id)).unwrap();
        }
        let filled = read();
        assert_eq!((filled.0, filled.1), (2.0, 2.0));
        assert!(filled.2 > empty.2, "{filled:?}, before {empty:?}");
        let _exclusive = shard.state_mut();
        assert_eq!((read().0, read().1), (2.0, 2.0));
    }
}
