//! Fuzzers of the files that are parsed by code of this crate: the manifest and the journals.

use std::path::PathBuf;

use flowrun_fuzz::Target;
use xxhash_rust::xxh3::Xxh3;

use super::journal_scan::{END, JournalScan};
use super::{Layout, Manifest};

/// A directory in memory if possible.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn any_manifest_is_read_or_reported() {
    let directory = directory();
    let layout = Layout::new(directory.path());
    let seed = r#"{"format": 2, "kind": "vectors", "dimension": 3, "metric": "cosine", "vectors": "f32",
        "index": "auto", "shards": 2, "shard": 1, "generation": 1, "has_documents": true}"#;
    Target::new("manifests").seeds([seed]).run(|input| {
        std::fs::write(layout.manifest(), input).unwrap();
        match Manifest::read(&layout) {
            Ok(manifest) => manifest.is_some().to_string(),
            Err(error) => error.to_string(),
        }
    });
}

/// A journal with changes of one item each.
fn journal(values: &[&[u8]]) -> Vec<u8> {
    let mut journal = Vec::new();
    for (number, value) in (1_u64..).zip(values) {
        let mut item = vec![2, 0, 0];
        item.extend(1_u64.to_le_bytes());
        item.extend(3_u16.to_le_bytes());
        item.extend((value.len() as u32).to_le_bytes());
        item.extend((value.len() as u32).to_le_bytes());
        item.extend(b"key");
        item.extend(*value);
        let mut checksum = Xxh3::new();
        checksum.update(&item);
        journal.push(1);
        journal.extend(1_u32.to_le_bytes());
        journal.extend(number.to_le_bytes());
        journal.extend(&item);
        journal.push(3);
        journal.extend(checksum.digest().to_le_bytes());
        journal.extend(END);
    }
    journal
}

#[test]
fn any_journal_is_scanned_within_its_budget() {
    let directory = directory();
    let path: PathBuf = directory.path().join("0.jnl");
    let whole = journal(&[b"one", b"", &[7; 3000]]);
    std::fs::write(&path, &whole).unwrap();
    let scan = JournalScan::read(&path, None).unwrap();
    assert_eq!((scan.intact, scan.has_tail), (whole.len() as u64, false), "the seed is intact");
    // Two buffers of 64 kB, and small ones for each file.
    Target::new("journals").seeds([whole]).words([END]).memory(1, 256 << 10).run(|input| {
        std::fs::write(&path, input).unwrap();
        match JournalScan::read(&path, None) {
            Ok(scan) => {
                assert!(scan.intact <= input.len() as u64);
                format!("{} {}", scan.has_tail, scan.changes.is_some())
            }
            Err(error) => error.to_string(),
        }
    });
}
