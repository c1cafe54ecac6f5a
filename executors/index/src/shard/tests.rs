//! Tests of a shard: writes and reads when the disk fails, syncing, opening after losses, automatic choice of the index.

use flowrun_sdk::{Document, ErrorKind, ExecutorError};

use std::sync::{Arc, Barrier};

use flowrun_sdk::Context;
use serde_json::json;

use super::shard_core::Shard;
use super::*;
use crate::ann::{IndexChoice, LargeIndex, Tuning};
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::storage::{
    Change, FaultPlan, Fsync, Layout, Manifest, Outcome, Put, Schema, StorageError, StorageKind,
};

/// Opens a shard with the default index and `fsync: always`.
pub(super) fn shard(directory: &std::path::Path) -> Arc<OpenShard> {
    shard_with(directory, Fsync::Always)
}

fn shard_with(directory: &std::path::Path, fsync: Fsync) -> Arc<OpenShard> {
    OpenShard::open(&Context::standalone(directory), settings(IndexChoice::AUTO, fsync)).unwrap()
}

/// Settings of an unsharded index by Euclidean distance.
pub(super) fn settings(index: IndexChoice, fsync: Fsync) -> Settings {
    let schema = Schema {
        kind: StorageKind::Vectors,
        dimension: None,
        metric: Metric::Euclidean,
        elements: None,
        index: "auto".to_owned(),
        shards: 1,
        shard: 0,
        names: ParameterNames::DEFAULT,
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
    let params = SearchParams { k, ..SearchParams::default() };
    shard.search(&[crate::metric::Query::new(query)], &params, &|| Ok(()))
}

/// A change that stores one document, with the vector (1, 2).
pub(super) fn change(id: &str) -> Change {
    let mut change = Change::default();
    let document = flowrun_sdk::protobuf::encode(&Document::new(id));
    change.put(Put { id: id.to_owned(), parent_id: String::new(), document, vector: Some(vec![1.0, 2.0]) });
    change
}

/// Sets the faults of the vector file and the table of an open shard that has vectors.
pub(super) fn inject(shard: &Shard, plan: FaultPlan) {
    let state = shard.state();
    state.vectors.as_ref().unwrap().file.data_file().faults.set(plan.clone());
    state.table.faults.set(plan);
}

#[test]
fn a_failed_write_is_not_acknowledged_and_changes_nothing() {
    const ENOSPC: i32 = 28;
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let before = shard.read_transaction().status();
    for written in [0, 5, 11] {
        inject(&shard, FaultPlan { writing: Some((written, ENOSPC)), ..FaultPlan::default() });
        let error = shard.apply(change("b")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write") && error.contains("vectors-000001.bin"), "{error}");
        assert_eq!(shard.read_transaction().status(), before);
        assert!(shard.read_transaction().document("b").unwrap().is_none());
        inject(&shard, FaultPlan::default());
        while shard.recover_writes().is_err() {
            std::thread::yield_now();
        }
    }
    shard.apply(change("b")).unwrap();
    assert_eq!(found(&shard, vec![1.0, 2.0], 9).unwrap()[0].len(), 2);
}

#[test]
fn unsynced_writes_of_an_earlier_run_are_synced_before_new_acknowledgements() {
    let directory = tempfile::tempdir().unwrap();
    shard_with(directory.path(), Fsync::Never).apply(change("a")).unwrap();
    let written = Outcome { written: 1, removed: 0, unknown: 0 };
    let unsyncable = || FaultPlan { syncing: Some(5), ..FaultPlan::default() };
    for (fsync, is_synced) in [(Fsync::Never, false), (Fsync::Interval, false), (Fsync::Always, true)] {
        let shard = shard_with(directory.path(), fsync);
        inject(&shard, unsyncable());
        let applied = shard.apply(Change::default());
        assert_eq!(applied.is_err(), is_synced, "{applied:?}");
        inject(&shard, FaultPlan::default());
        if is_synced {
            // After a failed fsync the kernel may consider the pages clean.
            let refused = shard.apply(change("a")).unwrap_err().to_string();
            assert!(refused.contains("restart the flow"), "{refused}");
            drop(shard);
            break;
        }
        assert_eq!(shard.apply(change("a")).unwrap(), written);
    }
    let shard = shard_with(directory.path(), Fsync::Always);
    assert_eq!(shard.apply(change("a")).unwrap(), written);
    // Once per opening: from here on each write is synced on its own.
    inject(&shard, unsyncable());
    shard.apply(Change::default()).unwrap();
}

#[test]
fn after_lost_unsynced_rows_the_others_are_found_and_writes_continue() {
    for index in [IndexChoice::AUTO, IndexChoice::new("HNSW8")] {
        let directory = tempfile::tempdir().unwrap();
        let open =
            || OpenShard::open(&Context::standalone(directory.path()), settings(index.clone(), Fsync::Never));
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
        // Closing syncs.
        inject(&shard, FaultPlan { syncing: Some(5), ..FaultPlan::default() });
        drop(shard);
        let vectors = directory.path().join("vectors-000001.bin");
        let file = std::fs::OpenOptions::new().write(true).open(&vectors).unwrap();
        file.set_len(file.metadata().unwrap().len() - 5).unwrap();
        let shard = open().unwrap();
        assert_eq!(ids(&shard), ["a", "b"]);
        shard.apply(change("d")).unwrap();
        assert_eq!(ids(&shard), ["a", "b", "d"]);
        drop(shard);
        // From here on the rows are synced: a missing one is damage.
        file.set_len(file.metadata().unwrap().len() - 30).unwrap();
        let refused = open().unwrap_err().to_string();
        assert!(refused.contains("4 vectors were acknowledged, but"), "{refused}");
    }
}

#[test]
fn no_generation_is_removed_while_the_current_one_cannot_be_opened() {
    let directory = tempfile::tempdir().unwrap();
    drop(shard(directory.path()));
    let layout = Layout::new(directory.path());
    let manifest = Manifest::read(&layout).unwrap().unwrap();
    manifest.with_generation(2).write(&layout).unwrap();
    let open =
        || OpenShard::open(&Context::standalone(directory.path()), settings(IndexChoice::AUTO, Fsync::Never));
    let refused = open().unwrap_err().to_string();
    assert!(refused.contains("documents-000002 is damaged: it is missing"), "{refused}");
    manifest.write(&layout).unwrap();
    open().unwrap();
}

#[test]
fn auto_chooses_the_index_by_live_vectors_as_they_grow() {
    let directory = tempfile::tempdir().unwrap();
    let flat_bytes_max = 2 * 2 * size_of::<f32>() as u64;
    let choice = || IndexChoice::Auto { large: LargeIndex::Graph(8), flat_bytes_max };
    let open =
        || OpenShard::open(&Context::standalone(directory.path()), settings(choice(), Fsync::Never)).unwrap();
    // The sixth entry of the status is the type of the current index.
    let index = |shard: &OpenShard| {
        shard.wait_until_indexed(&|| Ok(())).unwrap();
        shard.read_transaction().status()[5].1.clone()
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
    // A built index stays until the next opening; then only live vectors count.
    assert_eq!(index(&shard), "HNSW8");
    drop(shard);
    assert_eq!(index(&open()), "Flat");
}

#[test]
fn first_vectors_of_different_dimensions_are_not_mixed() {
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
    assert_eq!(shard.read_transaction().status()[1], ("vectors", json!(2)));
}

#[test]
fn a_vector_file_without_acknowledged_rows_is_recreated() {
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
fn a_cancelled_search_ends() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let query = crate::metric::Query::new(vec![1.0, 2.0]);
    let cancelled = || Err(ExecutorError::new(ErrorKind::Cancelled, "cancelled"));
    let params = SearchParams { k: 1, ..SearchParams::default() };
    let error = shard.search(&[query], &params, &cancelled).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn writes_are_rejected_after_a_write_of_unknown_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    let failure = StorageError::damaged(directory.path(), "a defect");
    shard.state().reject_writes(&failure);
    for refused in [shard.apply(change("b")).map(|_| ()), shard.clear()] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("is damaged: a defect") && error.contains("): restart the flow"), "{error}");
    }
    assert!(shard.read_transaction().document("a").unwrap().is_some());
}

#[test]
fn writes_are_rejected_after_a_failed_sync() {
    const EIO: i32 = 5;
    for fsync in [Fsync::Always, Fsync::Interval] {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard_with(directory.path(), fsync);
        shard.apply(change("a")).unwrap();
        shard.sync().unwrap();
        // The sync task may be running.
        while shard.state().table.synced_rows().unwrap() != Some(1) {
            std::thread::yield_now();
        }
        inject(&shard, FaultPlan { syncing: Some(EIO), ..FaultPlan::default() });
        let failed = match fsync {
            Fsync::Interval => {
                shard.apply(change("b")).unwrap();
                // The sync task may have failed first.
                shard.sync().err().map(|error| error.to_string()).or_else(|| {
                    while shard.state().durability.lock().write_failure.is_none() {
                        std::thread::yield_now();
                    }
                    shard.state().check_accepts_writes(&shard.layout).err().map(|error| error.to_string())
                })
            }
            _ => shard.apply(change("b")).err().map(|error| error.to_string()),
        };
        let failed = failed.unwrap();
        assert!(failed.contains("Input/output error"), "{failed}");
        // The disk accepts writes again, but its contents are unknown.
        inject(&shard, FaultPlan::default());
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
fn a_read_error_fails_the_search_and_names_the_file() {
    const EIO: i32 = 5;
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    shard.apply(change("a")).unwrap();
    inject(&shard, FaultPlan { reading: Some(EIO), ..FaultPlan::default() });
    let error = found(&shard, vec![1.0, 2.0], 1).unwrap_err().to_string();
    assert!(error.starts_with("cannot read") && error.contains("Input/output error"), "{error}");
    inject(&shard, FaultPlan::default());
    assert_eq!(found(&shard, vec![1.0, 2.0], 1).unwrap()[0].len(), 1);
}

#[test]
fn unsynced_writes_are_synced_within_the_interval_and_at_close() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard_with(directory.path(), Fsync::Interval);
    shard.apply(change("a")).unwrap();
    let is_unsynced = |shard: &Shard| shard.state().durability.lock().is_unsynced;
    drop(shard);
    let shard = shard_with(directory.path(), Fsync::Interval);
    shard.apply(change("b")).unwrap();
    shard.sync().unwrap();
    assert!(!is_unsynced(&shard));
    drop(shard);
    // Syncing does not depend on the index task.
    let settings = settings(IndexChoice::new("HNSW8"), Fsync::Interval);
    let shard = OpenShard::open(&Context::standalone(directory.path()), settings).unwrap();
    let vectors = shard.vectors().unwrap();
    let (locked, synced) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _build = vectors.build.lock();
            locked.wait();
            synced.wait();
        });
        locked.wait();
        shard.apply(change("c")).unwrap();
        while is_unsynced(&shard) {
            std::thread::yield_now();
        }
        synced.wait();
    });
}
