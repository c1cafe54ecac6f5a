//! Writing, beside searching and when the disk refuses.

use flowrun_sdk::{Document, ErrorKind, ExecutorError};

use super::*;
use crate::derived::{IndexChoice, Large, Tuning};
use crate::metric::Metric;
use crate::names::Names;
use crate::storage::{Failing, Put, Schema};

pub(super) fn shard(directory: &std::path::Path) -> Arc<OpenShard> {
    shard_with(directory, Fsync::Always)
}

fn shard_with(directory: &std::path::Path, fsync: Fsync) -> Arc<OpenShard> {
    Shard::open(&Context::standalone(directory), settings(IndexChoice::AUTO, fsync)).unwrap()
}

pub(super) fn settings(index: IndexChoice, fsync: Fsync) -> Settings {
    let schema = Schema {
        kind: StorageKind::Vectors,
        dimension: None,
        metric: Metric::Euclidean,
        elements: None,
        index: "auto".to_owned(),
        shards: 1,
        shard: 0,
        names: Names::OWN,
    };
    Settings {
        schema,
        index,
        tuning: Tuning::default(),
        fsync,
        threads: 1,
        read_only: false,
        columns: vec![],
        expires: None,
        cache_capacity: None,
    }
}

fn found(shard: &Shard, query: Vec<f32>, k: usize) -> Result<Vec<Vec<Match>>, ExecutorError> {
    let asked = SearchParams { k, ..SearchParams::default() };
    shard.search(&[crate::metric::Query::new(query)], &asked, &|| Ok(()))
}

pub(super) fn change(id: &str) -> Change {
    let mut change = Change::default();
    let document = flowrun_sdk::wire::encode(&Document::new(id));
    change.put(Put { id: id.to_owned(), parent_id: String::new(), document, vector: Some(vec![1.0, 2.0]) });
    change
}

fn failing(shard: &Shard, failing: Failing) {
    let state = shard.state.read();
    state.vectors.as_ref().unwrap().file.device().faults.set(failing);
}

#[test]
fn a_write_that_the_disk_refuses_is_not_acknowledged_and_leaves_everything_as_it_was() {
    const ENOSPC: i32 = 28;
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let before = shard.status().unwrap();
    for written in [0, 5, 11] {
        failing(&shard, Failing { writing: Some((written, ENOSPC)), ..Failing::default() });
        let error = shard.apply(change("b")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write") && error.contains("vectors-000001.bin"), "{error}");
        assert_eq!(shard.status().unwrap(), before);
        assert!(shard.read_transaction().document("b").unwrap().is_none());
    }
    failing(&shard, Failing::default());
    shard.apply(change("b")).unwrap();
    assert_eq!(found(&shard, vec![1.0, 2.0], 9).unwrap()[0].len(), 2);
}

#[test]
fn what_an_earlier_run_left_to_the_system_is_synced_before_it_is_acknowledged_anew() {
    let directory = tempfile::tempdir().unwrap();
    shard_with(directory.path(), Fsync::Never).apply(change("a")).unwrap();
    let written = Outcome { written: 1, removed: 0, unknown: 0 };
    let unsyncable = || Failing { syncing: Some(5), ..Failing::default() };
    for (fsync, is_synced) in [(Fsync::Never, false), (Fsync::Interval, false), (Fsync::Always, true)] {
        let shard = shard_with(directory.path(), fsync);
        failing(&shard, unsyncable());
        let applied = shard.apply(Change::default());
        assert_eq!(applied.is_err(), is_synced, "{applied:?}");
        failing(&shard, Failing::default());
        if is_synced {
            // What the disk refused once the system may take for written.
            let refused = shard.apply(change("a")).unwrap_err().to_string();
            assert!(refused.contains("restart the flow"), "{refused}");
            drop(shard);
            break;
        }
        assert_eq!(shard.apply(change("a")).unwrap(), written);
    }
    let shard = shard_with(directory.path(), Fsync::Always);
    assert_eq!(shard.apply(change("a")).unwrap(), written);
    // Once for each opening: from here on every write is synced by itself.
    failing(&shard, unsyncable());
    shard.apply(Change::default()).unwrap();
}

#[test]
fn of_what_the_disk_never_got_the_rest_is_found_and_more_can_be_written() {
    for index in [IndexChoice::AUTO, IndexChoice::new("HNSW8")] {
        let directory = tempfile::tempdir().unwrap();
        let open =
            || Shard::open(&Context::standalone(directory.path()), settings(index.clone(), Fsync::Never));
        let ids = |shard: &Shard| {
            let found = found(shard, vec![1.0, 2.0], 9).unwrap().remove(0);
            found.into_iter().map(|found| found.document.id).collect::<Vec<_>>()
        };
        let shard = open().unwrap();
        for id in ["a", "b", "c"] {
            shard.apply(change(id)).unwrap();
        }
        shard.wait_until_indexed(&|| Ok(())).unwrap();
        shard.save_index();
        // What is closed is told to the disk.
        failing(&shard, Failing { syncing: Some(5), ..Failing::default() });
        drop(shard);
        let vectors = directory.path().join("vectors-000001.bin");
        let file = std::fs::OpenOptions::new().write(true).open(&vectors).unwrap();
        file.set_len(file.metadata().unwrap().len() - 5).unwrap();
        let shard = open().unwrap();
        assert_eq!(ids(&shard), ["a", "b"]);
        shard.apply(change("d")).unwrap();
        assert_eq!(ids(&shard), ["a", "b", "d"]);
        drop(shard);
        // From here on the disk has them, and what is missing is damage.
        file.set_len(file.metadata().unwrap().len() - 30).unwrap();
        let refused = open().unwrap_err().to_string();
        assert!(refused.contains("4 vectors were acknowledged, but"), "{refused}");
    }
}

#[test]
fn while_the_current_generation_cannot_be_opened_no_other_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    drop(shard(directory.path()));
    let layout = Layout::new(directory.path());
    let manifest = Manifest::read(&layout).unwrap().unwrap();
    manifest.with_generation(2).write(&layout).unwrap();
    let open =
        || Shard::open(&Context::standalone(directory.path()), settings(IndexChoice::AUTO, Fsync::Never));
    let refused = open().unwrap_err().to_string();
    assert!(refused.contains("documents-000002 is damaged: it is missing"), "{refused}");
    manifest.write(&layout).unwrap();
    open().unwrap();
}

#[test]
fn auto_goes_by_the_vectors_that_are_found_and_changes_as_they_grow() {
    let directory = tempfile::tempdir().unwrap();
    let flat_bytes_max = 2 * 2 * size_of::<f32>() as u64;
    let choice = || IndexChoice::Auto { large: Large::Graph(8), flat_bytes_max };
    let open =
        || Shard::open(&Context::standalone(directory.path()), settings(choice(), Fsync::Never)).unwrap();
    let index = |shard: &OpenShard| {
        shard.wait_until_indexed(&|| Ok(())).unwrap();
        shard.status().unwrap()[5].1.clone()
    };
    let shard = open();
    let written = ["a", "b", "c"].map(|id| {
        shard.apply(change(id)).unwrap();
        index(&shard)
    });
    assert_eq!(written, ["Flat", "Flat", "HNSW8"]);
    assert_eq!(found(&shard, vec![1.0, 2.0], 9).unwrap()[0].len(), 3);
    let mut removal = Change::default();
    removal.remove("a".to_owned());
    shard.apply(removal).unwrap();
    // What is built stays until the next opening; then two vectors are found, whatever else is in the file.
    assert_eq!(index(&shard), "HNSW8");
    drop(shard);
    assert_eq!(index(&open()), "Flat");
}

#[test]
fn replicas_that_bring_first_vectors_of_two_lengths_do_not_mix_them() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let mut longer = Change::default();
    longer.put(Put {
        id: "b".to_owned(),
        parent_id: String::new(),
        document: vec![],
        vector: Some(vec![1.0; 3]),
    });
    let error = shard.apply(longer).unwrap_err().to_string();
    assert_eq!(error, "the vectors have 3 dimensions, the index 2");
    assert!(found(&shard, vec![1.0; 3], 1).is_err());
    shard.apply(change("c")).unwrap();
    assert_eq!(shard.status().unwrap()[1], ("vectors", json!(2)));
}

#[test]
fn a_file_of_vectors_that_nothing_was_acknowledged_of_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    drop(shard(directory.path()));
    let path = directory.path().join("vectors-000001.bin");
    for remains in [&b""[..], b"half a header", &[7; 200]] {
        std::fs::write(&path, remains).unwrap();
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        shard.clear().unwrap();
        drop(shard);
        std::fs::remove_dir_all(directory.path()).unwrap();
        drop(self::shard(directory.path()));
    }
}

#[test]
fn a_search_that_nobody_waits_for_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let query = crate::metric::Query::new(vec![1.0, 2.0]);
    let given_up = || Err(ExecutorError::new(ErrorKind::Cancelled, "given up"));
    let asked = SearchParams { k: 1, ..SearchParams::default() };
    let error = shard.search(&[query], &asked, &given_up).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn after_a_write_of_unknown_outcome_nothing_more_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    shard.state.read().durability.lock().broken = Some("no space left".to_owned());
    for refused in [shard.apply(change("b")).map(|_| ()), shard.clear()] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("failed (no space left): restart the flow"), "{error}");
    }
    assert!(shard.read_transaction().document("a").unwrap().is_some());
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    const EIO: i32 = 5;
    for fsync in [Fsync::Always, Fsync::Interval] {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard_with(directory.path(), fsync);
        shard.apply(change("a")).unwrap();
        shard.sync().unwrap();
        // Somebody else may be at it.
        while shard.read().table.synced_rows().unwrap() != Some(1) {
            std::thread::yield_now();
        }
        failing(&shard, Failing { syncing: Some(EIO), ..Failing::default() });
        let failed = match fsync {
            Fsync::Interval => {
                shard.apply(change("b")).unwrap();
                // It may have been told already, where nobody waits.
                shard.sync().err().map(|error| error.to_string()).or_else(|| {
                    while shard.read().durability.lock().broken.is_none() {
                        std::thread::yield_now();
                    }
                    shard.read().durability.lock().broken.clone()
                })
            }
            _ => shard.apply(change("b")).err().map(|error| error.to_string()),
        };
        let failed = failed.unwrap();
        assert!(failed.contains("Input/output error"), "{failed}");
        // The disk says yes again, but what it holds is not known.
        failing(&shard, Failing::default());
        for _ in 0..2 {
            let error = shard.apply(change("c")).unwrap_err().to_string();
            assert!(error.contains("restart the flow"), "{error}");
        }
        assert!(shard.clear().is_err());
        assert!(shard.read_transaction().document("c").unwrap().is_none());
        drop(shard);
        let shard = shard_with(directory.path(), fsync);
        shard.apply(change("c")).unwrap();
        assert!(shard.read_transaction().document("a").unwrap().is_some());
    }
}

#[test]
fn a_disk_that_does_not_read_fails_the_search_and_is_named() {
    const EIO: i32 = 5;
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    failing(&shard, Failing { reading: Some(EIO), ..Failing::default() });
    let error = found(&shard, vec![1.0, 2.0], 1).unwrap_err().to_string();
    assert!(error.starts_with("cannot read") && error.contains("Input/output error"), "{error}");
    failing(&shard, Failing::default());
    assert_eq!(found(&shard, vec![1.0, 2.0], 1).unwrap()[0].len(), 1);
}

#[test]
fn what_is_acknowledged_before_the_disk_has_it_is_synced_soon_and_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard_with(directory.path(), Fsync::Interval);
    shard.apply(change("a")).unwrap();
    let is_unsynced = |shard: &Shard| shard.read().durability.lock().is_unsynced;
    drop(shard);
    let shard = shard_with(directory.path(), Fsync::Interval);
    shard.apply(change("b")).unwrap();
    shard.sync().unwrap();
    assert!(!is_unsynced(&shard));
    drop(shard);
    // Whatever else the shard is busy with.
    let settings = settings(IndexChoice::new("HNSW8"), Fsync::Interval);
    let shard = Shard::open(&Context::standalone(directory.path()), settings).unwrap();
    let vectors = shard.read().vectors.clone().unwrap();
    let _building = vectors.building.lock();
    shard.apply(change("c")).unwrap();
    while is_unsynced(&shard) {
        std::thread::yield_now();
    }
}
