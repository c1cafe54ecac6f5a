//! Acknowledged writes survive without an orderly shutdown, and lost or damaged files are detected or rebuilt.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use flowrun_sdk::guard::read_file;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document};
use serde_json::{Value, json};

use crate::harness::{
    NO_DOCUMENTS, call, call_with, clip, directory, document, executor_type, matches_of, open, open_error,
    search,
};

fn documents(count: u16) -> Vec<Document> {
    (0..count).map(|number| document(&format!("{number:03}"), &[f32::from(number), 1.0])).collect()
}

fn with(index: &str) -> Value {
    json!({"metric": "euclidean", "index": index})
}

/// Flips a bit of one byte of a file.
fn damage(path: &Path, position: u64) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(position)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(position)).unwrap();
    file.write_all(&[byte[0] ^ 0x40]).unwrap();
}

#[test]
fn acknowledged_writes_survive_without_close() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &with("auto"));
    call(&mut executor, "/index", documents(50));
    call(&mut executor, "/index", vec![document("003", &[900.0, 1.0])]);
    call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["000"]})).unwrap();
    let before = call(&mut executor, "/search", documents(50)).documents;
    // Not closed, so the FAISS index in memory is lost.
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &with("auto"));
    assert_eq!(call(&mut executor, "/search", documents(50)).documents, before);
    assert_eq!(search(&mut executor, &[0.0, 1.0])[..3], ["001", "002", "004"]);
    let status = call(&mut executor, "/status", NO_DOCUMENTS).results;
    let expected = json!({"documents": 49, "vectors": 49, "deleted": 2, "dimension": 2, "metric": "euclidean",
        "index": "Flat", "trained": true});
    assert_eq!(Value::Object(status), expected);
}

#[test]
fn indexing_the_same_documents_again_adds_nothing() {
    let directory = directory();
    let corpus = || vec![clip("a", &[&[1.0, 0.0], &[0.0, 1.0]]), clip("b", &[&[0.5, 0.5]])];
    let settings = json!({"access_paths": "@c"});
    let size = |executor: &mut _| {
        let status = call(executor, "/status", NO_DOCUMENTS).results;
        (fs::metadata(directory.path().join("0/vectors-000001.bin")).unwrap().len(), status)
    };
    let mut executor = open(directory.path(), "VectorIndexer", &settings);
    call(&mut executor, "/index", corpus());
    let once = size(&mut executor);
    assert_eq!(call(&mut executor, "/index", corpus()).results["indexed"], 3);
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &settings);
    call(&mut executor, "/index", corpus());
    assert_eq!(size(&mut executor), once);

    // The smallest change of a vector writes a new row; a change of tags does not.
    let mut changed = corpus();
    changed[1].chunks =
        [changed[1].chunks[0].clone().with_embedding(vec![0.5, 0.5 + f32::EPSILON])].into_iter().collect();
    call(&mut executor, "/index", changed);
    let mut renamed = corpus();
    renamed[0].chunks = renamed[0].chunks.iter().map(|chunk| chunk.clone().with_tag("seen", 2)).collect();
    call(&mut executor, "/index", renamed);
    let (_, status) = size(&mut executor);
    assert_eq!((&status["vectors"], &status["deleted"]), (&json!(3), &json!(2)));
    let answer = call(&mut executor, "/search", vec![clip("q", &[&[1.0, 0.0]])]);
    let nearest = &answer.documents[0].chunks[0].matches[0];
    assert_eq!((nearest.id.as_str(), &nearest.tags["seen"]), ("a#0", &json!(2)));
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &settings);
    assert_eq!(size(&mut executor).1, status);
}

#[test]
fn rows_of_an_unacknowledged_call_are_removed() {
    let directory = directory();
    call(&mut open(directory.path(), "VectorIndexer", &with("Flat")), "/index", documents(5));
    let path = directory.path().join("0/vectors-000001.bin");
    let length = fs::metadata(&path).unwrap().len();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(&[7; 31]).unwrap();
    let mut executor = open(directory.path(), "VectorIndexer", &with("Flat"));
    assert_eq!(fs::metadata(&path).unwrap().len(), length);
    call(&mut executor, "/index", vec![document("new", &[-1.0, 1.0])]);
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &with("Flat"));
    assert_eq!(search(&mut executor, &[-1.0, 1.0])[..2], ["new", "000"]);
}

#[test]
fn a_missing_stale_or_damaged_faiss_index_is_rebuilt() {
    let directory = directory();
    let path = directory.path().join("0/faiss-000001.index");
    let reopen = || open(directory.path(), "VectorIndexer", &with("HNSW8"));
    let answers = || {
        let mut executor = reopen();
        let answer = call(&mut executor, "/search", documents(60));
        answer.documents.iter().map(matches_of).collect::<Vec<_>>()
    };
    let mut executor = reopen();
    call(&mut executor, "/index", documents(40));
    executor.close().unwrap();
    let first = fs::metadata(&path).unwrap().len();
    // Stale: the file covers 40 of 60 rows.
    call(&mut reopen(), "/index", documents(60));
    let expected = answers();
    assert!(fs::metadata(&path).unwrap().len() > first, "catching up is saved");
    fs::remove_file(&path).unwrap();
    assert_eq!(answers(), expected);
    for position in [3, first / 2, first - 1] {
        damage(&path, position);
        assert_eq!(answers(), expected, "byte {position}");
    }
    fs::write(&path, b"nonsense").unwrap();
    assert_eq!(answers(), expected);
}

#[test]
fn another_index_type_is_built_from_the_stored_vectors() {
    let directory = directory();
    call(&mut open(directory.path(), "VectorIndexer", &with("HNSW8")), "/index", documents(200));
    for index in ["Flat", "IVF4,Flat", "HNSW16", "auto"] {
        let mut executor = open(directory.path(), "VectorIndexer", &with(index));
        assert_eq!(search(&mut executor, &[77.0, 1.0])[..2], ["077", "076"], "{index}");
        let status = call(&mut executor, "/status", NO_DOCUMENTS).results;
        assert_eq!(status["index"], if index == "auto" { "Flat" } else { index });
        executor.close().unwrap();
        assert_eq!(
            directory.path().join("0/faiss-000001.index").exists(),
            !["Flat", "auto"].contains(&index)
        );
    }
}

#[test]
fn damage_that_cannot_be_repaired_is_named() {
    let directory = directory();
    let shard = directory.path().join("0");
    call(&mut open(directory.path(), "VectorIndexer", &with("Flat")), "/index", documents(5));
    let refused = || open_error(directory.path(), "VectorIndexer", &with("Flat"));
    damage(&shard.join("vectors-000001.bin"), 64 + 12 * 3 + 2);
    assert!(refused().contains("vectors-000001.bin is damaged: row 3 fails its checksum"), "{}", refused());
    damage(&shard.join("vectors-000001.bin"), 64 + 12 * 3 + 2);
    open(directory.path(), "VectorIndexer", &with("Flat"));
    OpenOptions::new().write(true).open(shard.join("vectors-000001.bin")).unwrap().set_len(64 + 24).unwrap();
    assert!(refused().contains("5 vectors were acknowledged, but 2 are there"), "{}", refused());
    fs::rename(shard.join("manifest.json"), shard.join("elsewhere")).unwrap();
    assert!(refused().contains("manifest.json is damaged: it is missing"), "{}", refused());
    fs::rename(shard.join("elsewhere"), shard.join("manifest.json")).unwrap();
    fs::remove_dir_all(shard.join("documents-000001")).unwrap();
    assert!(refused().contains("documents-000001 is damaged: it is missing"), "{}", refused());
}

#[test]
fn writes_after_a_torn_journal_record_are_dropped_unless_fsync_is_always() {
    let with = |fsync: &str| json!({"metric": "euclidean", "fsync": fsync});
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &with("never"));
    for number in 0..10_u8 {
        let text = format!("text {number} ").repeat(20);
        let document = document(&number.to_string(), &[f32::from(number), 1.0]).with_text(text);
        call(&mut executor, "/index", vec![document]);
    }
    drop(executor);
    let journal = directory.path().join("0/documents-000001/0.jnl");
    // As after a crash: after an orderly end no policy accepts the loss.
    fs::remove_file(journal.with_file_name("closed")).unwrap();
    let bytes = read_file(&journal, 1 << 30).unwrap();
    let position = bytes.windows(14).position(|window| window == b"text 6 text 6 ").unwrap();
    damage(&journal, position as u64);
    // With `always` the damaged record had been synced, so this is data loss.
    let refused = open_error(directory.path(), "VectorIndexer", &with("always"));
    let expected = "0.jnl is damaged: a change in it is incomplete, and others follow; if it was written with `fsync: interval`";
    assert!(refused.contains(expected), "{refused}");
    let mut executor = open(directory.path(), "VectorIndexer", &with("interval"));
    let expected = ["5", "4", "3", "2", "1", "0"];
    assert_eq!(search(&mut executor, &[9.0, 1.0]), expected);
    call(&mut executor, "/index", documents(1));
    drop(executor);
    assert_eq!(search(&mut open(directory.path(), "VectorIndexer", &with("always")), &[9.0, 1.0]).len(), 7);
}

#[test]
fn a_lost_manifest_is_not_mistaken_for_an_empty_index() {
    let directory = directory();
    let shard = directory.path().join("0");
    let mut executor = open(directory.path(), "VectorIndexer", &with("HNSW8"));
    for _ in 0..2 {
        call(&mut executor, "/index", documents(5));
        call(&mut executor, "/clear", NO_DOCUMENTS);
    }
    call(&mut executor, "/index", documents(5));
    executor.close().unwrap();
    fs::rename(shard.join("manifest.json"), directory.path().join("elsewhere")).unwrap();
    // Any remaining file of any generation is data.
    for lost in ["nothing", "documents-000003", "vectors-000003.bin"] {
        let _ = fs::rename(shard.join(lost), directory.path().join(lost));
        for read_only in [false, true] {
            let context = Context { read_only, ..Context::standalone(&shard) };
            let refused = ExecutorHarness::new(executor_type("VectorIndexer"), &with("HNSW8"), context)
                .err()
                .unwrap()
                .to_string();
            assert!(refused.contains("manifest.json is damaged: it is missing"), "{lost}: {refused}");
        }
    }
    for lost in ["documents-000003", "vectors-000003.bin"] {
        fs::rename(directory.path().join(lost), shard.join(lost)).unwrap();
    }
    fs::rename(directory.path().join("elsewhere"), shard.join("manifest.json")).unwrap();
    let mut executor = open(directory.path(), "VectorIndexer", &with("HNSW8"));
    assert_eq!(search(&mut executor, &[0.0, 1.0]).len(), 5);
}

#[test]
fn lost_documents_are_not_mistaken_for_an_empty_store() {
    let directory = directory();
    let stored = directory.path().join("0/documents-000001");
    call(&mut open(directory.path(), "DocumentStore", &json!({})), "/index", vec![Document::new("a")]);
    fs::rename(&stored, directory.path().join("elsewhere")).unwrap();
    let refused = || open_error(directory.path(), "DocumentStore", &json!({}));
    assert!(refused().contains("documents-000001 is damaged: it is missing"), "{}", refused());
    fs::create_dir(&stored).unwrap();
    assert!(refused().contains("documents-000001 is damaged: it is missing"), "{}", refused());
    fs::remove_dir(&stored).unwrap();
    fs::rename(directory.path().join("elsewhere"), &stored).unwrap();
    let mut executor = open(directory.path(), "DocumentStore", &json!({}));
    assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["documents"], 1);
}

#[test]
fn an_interrupted_first_opening_is_completed() {
    let directory = directory();
    let shard = directory.path().join("0");
    drop(open(directory.path(), "DocumentStore", &json!({})));
    // The state between writing the manifest and creating the documents.
    let manifest = fs::File::open(shard.join("manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_reader(manifest).unwrap();
    manifest["has_documents"] = false.into();
    // It is the checksum of the manifest with `true`.
    manifest.as_object_mut().unwrap().remove("checksum");
    fs::write(shard.join("manifest.json"), manifest.to_string()).unwrap();
    fs::remove_dir_all(shard.join("documents-000001")).unwrap();
    call(&mut open(directory.path(), "DocumentStore", &json!({})), "/index", vec![Document::new("a")]);
    fs::remove_dir_all(shard.join("documents-000001")).unwrap();
    assert!(open_error(directory.path(), "DocumentStore", &json!({})).contains("is damaged: it is missing"));
}

#[test]
fn leftovers_of_an_interrupted_clear_are_removed() {
    let directory = directory();
    let shard = directory.path().join("0");
    call(&mut open(directory.path(), "VectorIndexer", &with("Flat")), "/index", documents(5));
    fs::create_dir(shard.join("documents-000002")).unwrap();
    fs::write(shard.join("vectors-000002.bin"), b"half").unwrap();
    let mut executor = open(directory.path(), "VectorIndexer", &with("Flat"));
    assert_eq!(search(&mut executor, &[0.0, 1.0]).len(), 5);
    assert!(!shard.join("documents-000002").exists() && !shard.join("vectors-000002.bin").exists());
    call(&mut executor, "/clear", NO_DOCUMENTS);
    assert_eq!(search(&mut executor, &[0.0, 1.0]), [""; 0]);
}
