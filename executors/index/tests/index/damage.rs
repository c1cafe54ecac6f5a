//! Damaged files are reported by name, rebuilt where possible, or have no effect: flipped bits, zeroed sectors and
//! truncations of every file of an index that was closed. `make crash` damages it 100,000 times.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use flowrun_index::tool;
use flowrun_sdk::guard::read_file;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document};
use serde_json::{Value, json};

use crate::harness::{
    NO_DOCUMENTS, call, call_with, directory, document, executor_type, matches_of, open, shard_context,
};

/// Default number of damages; `FLOWRUN_DAMAGES` overrides it.
const DAMAGES: usize = 150;
/// One in this many damages is also tested by opening the index for writing.
const WRITER_PERIOD: usize = 8;
/// Size of a sector of the disk, in bytes.
const SECTOR: usize = 512;
/// Length of a text that fills a memtable, so that documents are in SSTs too.
const FLUSHED_BYTES: usize = 5 << 20;

const KINDS: [&str; 2] = ["VectorIndexer", "DocumentStore"];

fn with(kind: &str) -> Value {
    if kind == "VectorIndexer" { json!({"metric": "euclidean", "index": "HNSW8"}) } else { json!({}) }
}

/// A document whose version is in each of its parts.
fn version(number: u16, version: u16) -> Document {
    document(&format!("{number:03}"), &[f32::from(number), f32::from(version), 0.5])
        .with_tag("number", number)
        .with_tag("version", version)
        .with_text(format!("version {version} of {number}"))
}

/// Fills an index with documents, replaced and removed ones, in SSTs and in journals.
fn fill(base: &Path) {
    for kind in KINDS {
        let mut executor = open(&base.join(kind), kind, &with(kind));
        let large = version(900, 0).with_text("text ".repeat(FLUSHED_BYTES / 5));
        call(&mut executor, "/index", (0..30).map(|number| version(number, 0)).chain([large]).collect());
        for number in 0..6 {
            call(&mut executor, "/index", (0..12).map(|step| version(step * (number + 1), number)).collect());
        }
        call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["001", "900"]})).unwrap();
        executor.close().unwrap();
        // The second opening removes the zeros that the journal was preallocated with.
        open(&base.join(kind), kind, &with(kind)).close().unwrap();
    }
}

/// The files of an index, without the lock and other empty files.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if fs::metadata(&path).unwrap().len() > 0 {
            found.insert(path.clone(), read_file(&path, 1 << 30).unwrap());
        }
    }
    found
}

/// Restores all files.
fn restore_files(directory: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    fs::remove_dir_all(directory).unwrap();
    for (path, bytes) in files {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Documents with tags and vectors, and the matches of a query.
type Contents = (Vec<Document>, Vec<(String, f32)>);

/// Everything that the executors return; `None` after an error.
fn contents(base: &Path, read_only: bool) -> Option<Vec<Contents>> {
    KINDS.iter().map(|kind| contents_of(&base.join(kind), kind, read_only)).collect()
}

fn contents_of(base: &Path, kind: &str, read_only: bool) -> Option<Contents> {
    let context = Context { read_only, ..shard_context(base, 0, 1) };
    let mut executor = ExecutorHarness::new(executor_type(kind), &with(kind), context).ok()?;
    let listed = call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"limit": 1000})).ok()?.documents;
    let ids = listed.iter().map(|document| Document::new(&*document.id)).collect();
    let stored = call_with(&mut executor, "/get", ids, Value::Null).ok()?.documents.to_vec();
    let matches = if kind == "VectorIndexer" {
        let query = vec![document("q", &[20.0, 1.0, 0.5])];
        matches_of(&call_with(&mut executor, "/search", query, json!({"top_k": 100})).ok()?.documents[0])
    } else {
        Vec::new()
    };
    Some((stored, matches))
}

fn is_reported(base: &Path) -> bool {
    tool::verify(base).map_or(true, |shards| shards.iter().any(|(_, problems)| !problems.is_empty()))
}

/// An index that was closed, which is damaged and restored.
struct Closed {
    base: tempfile::TempDir,
    intact: BTreeMap<PathBuf, Vec<u8>>,
    contents: Vec<Contents>,
    reported: usize,
    harmless: usize,
}

impl Closed {
    fn new() -> Self {
        let base = directory();
        fill(base.path());
        let intact = files(base.path());
        let names = |name: &str| intact.keys().filter(|path| path.to_str().unwrap().contains(name)).count();
        assert!(!is_reported(base.path()));
        // Journals, SSTs of every kind, and the records next to them.
        for (name, least) in
            [(".jnl", 2), ("/tables/", 5), ("/closed", 2), ("/acknowledged", 2), ("faiss-", 1)]
        {
            assert!(names(name) >= least, "{} files {name}", names(name));
        }
        let contents = contents(base.path(), true).unwrap();
        Self { base, intact, contents, reported: 0, harmless: 0 }
    }

    /// Applies a damage, checks that it is reported or harmless, and undoes it. `is_written` opens the index for writing too.
    fn check(&mut self, path: &Path, damaged: &[u8], description: &str, is_written: bool) {
        let description = format!("{description} of {}", path.display());
        write_differences(path, &self.intact[path], damaged);
        let base = self.base.path();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let is_reported = is_reported(base);
            let read = (!is_reported).then(|| contents(base, true));
            (is_reported, read, is_written.then(|| contents(base, false)))
        }));
        let (is_reported, read, written) = outcome.unwrap_or_else(|_| panic!("{description}: panicked"));
        if let Some(read) = read {
            assert!(
                read.as_ref() == Some(&self.contents),
                "{description} is not reported, and the contents differ"
            );
            self.harmless += 1;
        }
        self.reported += usize::from(is_reported);
        match written {
            None => write_differences(path, damaged, &self.intact[path]),
            Some(found) => {
                let is_right = found.is_none_or(|found| found == self.contents);
                assert!(is_right, "{description}: a writer serves other contents");
                restore_files(base, &self.intact);
            }
        }
    }

    /// Maps a number to a file and a position in it. Even numbers choose among files, so that small files are damaged as often
    /// as large ones; odd numbers choose among the bytes of all files.
    fn place(&self, number: usize) -> (PathBuf, usize) {
        let mut position = number / 2;
        if number.is_multiple_of(2) {
            let (path, bytes) = self.intact.iter().nth(position % self.intact.len()).unwrap();
            return (path.clone(), position / self.intact.len() % bytes.len());
        }
        position %= self.intact.values().map(Vec::len).sum::<usize>();
        let mut end = 0;
        let file = self.intact.iter().find(|(_, bytes)| {
            end += bytes.len();
            position < end
        });
        let (path, bytes) = file.unwrap();
        (path.clone(), position + bytes.len() - end)
    }
}

/// Changes a file from `before` to `after`, without rewriting what they have in common.
fn write_differences(path: &Path, before: &[u8], after: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(after.len() as u64).unwrap();
    for (number, sector) in after.chunks(SECTOR).enumerate() {
        let start = number * SECTOR;
        if before.get(start..start + sector.len()) != Some(sector) {
            file.write_all_at(sector, start as u64).unwrap();
        }
    }
}

#[test]
fn damage_after_an_orderly_end_is_reported_or_harmless() {
    let damages = std::env::var("FLOWRUN_DAMAGES").map_or(DAMAGES, |count| count.parse().unwrap());
    let mut index = Closed::new();
    let mut state = std::env::var("FLOWRUN_SEED").map_or(7_u64, |seed| seed.parse().unwrap());
    for number in 0..damages {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (path, position) = index.place(usize::try_from(state >> 20).unwrap());
        let mut damaged = index.intact[&path].clone();
        let description = match state >> 8 & 7 {
            0 => {
                damaged.truncate(position);
                format!("truncation to {position} bytes")
            }
            1 | 2 => {
                let start = position / SECTOR * SECTOR;
                let end = damaged.len().min(start + SECTOR);
                damaged[start..end].fill(0);
                format!("zeroed sector at {start}")
            }
            bit => {
                damaged[position] ^= 1 << ((bit + state) % 8);
                format!("flipped bit in byte {position}")
            }
        };
        index.check(&path, &damaged, &description, number.is_multiple_of(WRITER_PERIOD));
    }
    println!("{damages} damages: {} reported, {} harmless", index.reported, index.harmless);
}

#[test]
fn every_changed_header_byte_is_reported_or_harmless() {
    let mut index = Closed::new();
    let shard = index.base.path().join("VectorIndexer/0");
    let faiss_index = shard.join("faiss-000001.index");
    let (manifest, trailer) = (shard.join("manifest.json"), index.intact[&faiss_index].len() - 40);
    let ranges: [(PathBuf, Range<usize>); 5] = [
        (manifest.clone(), 0..index.intact[&manifest].len()),
        (shard.join("vectors-000001.bin"), 0..64),
        (faiss_index, trailer..trailer + 40),
        (shard.join("documents-000001/closed"), 0..8),
        (shard.join("documents-000001/acknowledged"), 0..16),
    ];
    for (path, range) in ranges {
        for position in range {
            let mut damaged = index.intact[&path].clone();
            damaged[position] ^= 0x04;
            index.check(&path, &damaged, &format!("byte {position}"), position.is_multiple_of(64));
        }
    }
}
