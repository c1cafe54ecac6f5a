//! Opening an existing index: settings that must match, locks, read-only openers.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowrun_index::tool;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, guard};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, directory, document, executor_type, open, open_error, search, shard_context,
};

#[test]
fn a_mismatched_dimension_metric_or_executor_is_rejected_with_the_remedy() {
    let directory = directory();
    call(
        &mut open(directory.path(), "VectorIndexer", &json!({})),
        "/index",
        vec![document("a", &[1.0, 2.0])],
    );
    let refused = |with| open_error(directory.path(), "VectorIndexer", &with);
    let error = refused(json!({"dimension": 3}));
    assert!(
        error.starts_with("`dimension`: the index in") && error.contains("write `dimension: 2`"),
        "{error}"
    );
    let error = refused(json!({"metric": "euclidean"}));
    assert!(
        error.contains("written with `metric: cosine`, not euclidean: write `metric: cosine`"),
        "{error}"
    );
    let error = open_error(directory.path(), "DocumentStore", &json!({}));
    assert!(error.contains("written by another kind of executor (vectors and documents)"), "{error}");
    open(directory.path(), "VectorIndexer", &json!({"dimension": 2, "metric": "cosine"}));
}

#[test]
fn a_mismatched_number_of_shards_is_rejected_by_every_shard() {
    let directory = directory();
    let open = |shard, shards| {
        ExecutorHarness::new(
            executor_type("VectorIndexer"),
            &json!({}),
            shard_context(directory.path(), shard, shards),
        )
        .map(drop)
    };
    open(0, 2).unwrap();
    open(1, 2).unwrap();
    for (shard, shards) in [(0, 1), (0, 8), (1, 8), (7, 8)] {
        let error = open(shard, shards).unwrap_err().to_string();
        let expected = format!("was written with 2 shards, not {shards}: write `shards: 2`");
        assert!(error.contains(&expected), "{error}");
    }
    assert!(!directory.path().join("7").exists());
    open(1, 2).unwrap();
}

#[test]
fn replicas_with_different_settings_are_rejected() {
    let directory = directory();
    let context = shard_context(directory.path(), 0, 1);
    let replica = |with| ExecutorHarness::new(executor_type("VectorIndexer"), &with, context.clone());
    let _first = replica(json!({})).unwrap();
    assert!(replica(json!({"metric": "euclidean"})).is_err());
    assert!(replica(json!({})).is_ok());
}

#[test]
fn a_locked_directory_is_rejected_until_it_is_released() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    // Like in another process: the lock belongs to the open file, not to the process.
    let error = open_error(directory.path(), "VectorIndexer", &json!({}));
    assert!(
        error.starts_with("another process or pod writes to")
            && error.contains("only one writer is allowed")
            && error.contains("its own workspace")
            && error.contains("`read_only: true`"),
        "{error}"
    );
    let file = File::open(directory.path().join("0/LOCK")).unwrap();
    assert!(file.try_lock().is_err());
    call(&mut executor, "/status", NO_DOCUMENTS);
    drop(executor);
    file.try_lock().unwrap();
    assert!(
        open_error(directory.path(), "VectorIndexer", &json!({}))
            .starts_with("another process or pod writes to")
    );
    drop(file);
    open(directory.path(), "VectorIndexer", &json!({}));
}

#[test]
fn read_only_openers_follow_a_live_writer() {
    let directory = directory();
    let with = json!({"metric": "euclidean", "fsync": "never"});
    let mut writing = open(directory.path(), "VectorIndexer", &with);
    call(&mut writing, "/index", vec![document("1", &[1.0])]);
    let context = || Context { read_only: true, ..Context::standalone(directory.path().join("0")) };
    let mut reading = ExecutorHarness::new(executor_type("VectorIndexer"), &with, context()).unwrap();
    let mut another = ExecutorHarness::new(executor_type("VectorIndexer"), &with, context()).unwrap();
    assert_eq!(
        (search(&mut reading, &[1.0]), search(&mut another, &[1.0])),
        (vec!["1".to_owned()], vec!["1".to_owned()])
    );
    call(&mut writing, "/index", vec![document("2", &[2.0])]);
    call(&mut writing, "/delete", vec![document("1", &[1.0])]);
    let until = Instant::now() + Duration::from_secs(60);
    for reader in [&mut reading, &mut another] {
        while search(reader, &[1.0]) != ["2"] {
            assert!(Instant::now() < until, "a write is not visible");
            std::thread::yield_now();
        }
    }
    // The writer may be replaced by another one.
    writing.close().unwrap();
    let mut writing = open(directory.path(), "VectorIndexer", &with);
    call(&mut writing, "/clear", NO_DOCUMENTS);
    while !search(&mut reading, &[1.0]).is_empty() {
        assert!(Instant::now() < until, "deleted documents are still visible");
        std::thread::yield_now();
    }
}

#[test]
fn read_only_openers_change_no_file() {
    let directory = directory();
    let with = |index: &str| json!({"metric": "euclidean", "index": index, "fsync": "never"});
    let mut executor = open(directory.path(), "VectorIndexer", &with("HNSW8"));
    call(&mut executor, "/index", (0..40_u8).map(|n| document(&n.to_string(), &[f32::from(n)])).collect());
    executor.close().unwrap();
    let shard = directory.path().join("0");
    // A leftover file that a writer would remove.
    File::create(shard.join("vectors-000009.bin")).unwrap();
    let files = || {
        let mut files: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(&shard)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), guard::read_file(&path, 1 << 20).unwrap()))
            .collect();
        files.sort();
        files
    };
    let written = files();
    for index in ["IVF2,Flat", "HNSW4", "Flat", "HNSW8"] {
        let context = Context { read_only: true, ..Context::standalone(&shard) };
        let mut executor =
            ExecutorHarness::new(executor_type("VectorIndexer"), &with(index), context).unwrap();
        assert_eq!(search(&mut executor, &[7.2])[..2], ["7", "8"], "{index}");
        assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["index"], index);
        executor.close().unwrap();
        assert!(files() == written, "{index}");
    }
    // A missing FAISS index is not written by a reader.
    std::fs::remove_file(shard.join("faiss-000001.index")).unwrap();
    let context = Context { read_only: true, ..Context::standalone(&shard) };
    let mut executor = ExecutorHarness::new(executor_type("VectorIndexer"), &with("HNSW8"), context).unwrap();
    assert_eq!(search(&mut executor, &[7.2])[..2], ["7", "8"]);
    executor.close().unwrap();
    assert!(!shard.join("faiss-000001.index").exists());
}

#[test]
fn a_workspace_that_cannot_be_created_is_named() {
    let directory = directory();
    let blocked = directory.path().join("file");
    File::create(&blocked).unwrap();
    let error = open_error(&blocked, "VectorIndexer", &json!({}));
    assert!(error.starts_with("cannot create") && error.contains("/file/0"), "{error}");
}

/// Removes, or restores, the write permission of a directory and everything in it.
fn set_writable(directory: &Path, is_writable: bool) {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.chain([directory.to_owned()]) {
        if path.is_dir() && path != directory {
            set_writable(&path, is_writable);
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        let mode = if is_writable { mode | 0o200 } else { mode & !0o222 };
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
}

/// Runs an action on a thread to which permissions apply, also if the user is root.
fn without_privileges(action: impl FnOnce() + Send) {
    let drop_privileges = || {
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::DAC_OVERRIDE);
        set_capabilities(None, sets).unwrap();
    };
    std::thread::scope(|scope| {
        let unprivileged = scope.spawn(|| {
            drop_privileges();
            action();
        });
        unprivileged.join().unwrap();
    });
}

#[test]
fn an_index_that_cannot_be_written_is_read_inspected_verified_and_exported() {
    let directory = directory();
    let with = json!({"metric": "euclidean", "index": "HNSW8"});
    let mut executor = open(directory.path(), "VectorIndexer", &with);
    let large = document("large", &[900.0]).with_text("text ".repeat(1 << 20));
    let documents = (0..40_u8).map(|number| document(&number.to_string(), &[f32::from(number)]));
    call(&mut executor, "/index", documents.chain([large]).collect());
    executor.close().unwrap();
    let shard = directory.path().join("0");
    let files = || crate::damage::files(&shard);
    let before = files();
    set_writable(&shard, false);
    without_privileges(|| {
        File::create(shard.join("probe")).expect_err("the directory can be written");
        let context = Context { read_only: true, ..Context::standalone(&shard) };
        let mut reader = ExecutorHarness::new(executor_type("VectorIndexer"), &with, context).unwrap();
        assert_eq!(search(&mut reader, &[7.2])[..2], ["7", "8"]);
        reader.close().unwrap();
        assert_eq!(tool::inspect(directory.path()).unwrap()[0]["documents"], 41);
        let problems = tool::verify(directory.path()).unwrap();
        assert!(problems.iter().all(|(_, problems)| problems.is_empty()), "{problems:?}");
        let exported = tool::export_to(directory.path(), |_, _| Ok::<_, String>(()));
        assert_eq!(exported.unwrap(), 41);
        let refused = open_error(directory.path(), "VectorIndexer", &with);
        assert!(refused.contains("Permission denied"), "{refused}");
    });
    set_writable(&shard, true);
    assert!(files() == before, "a reader has changed a file");
}
