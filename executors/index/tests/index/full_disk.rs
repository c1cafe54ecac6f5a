//! A disk that is full for a while: no acknowledged document is lost, searches continue, and writes do once there is space.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flowrun_index::tool;
use flowrun_sdk::Document;
use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, open, search};

/// Size of the disk in bytes.
const DISK_BYTES: usize = 64 << 20;
/// Largest number of writes until the disk must be full.
const WRITES_MAX: u16 = 2000;

/// A small file system in memory; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk; `None` where that is not permitted.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let options = format!("size={DISK_BYTES}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "flowrun-test"]).arg(at).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

fn large(number: u16) -> Document {
    document(&format!("{number:04}"), &[f32::from(number), 1.0]).with_text("text ".repeat(40_000))
}

#[test]
fn writes_continue_when_a_full_disk_has_space_again() {
    let directory = directory();
    let Some(disk) = Disk::mount(&directory.path().join("disk")) else {
        println!("not permitted to mount a disk: the test of write recovery injects the fault instead");
        return;
    };
    let base = disk.0.join("index");
    for fsync in ["always", "never"] {
        let with = json!({"metric": "euclidean", "fsync": fsync});
        let mut executor = open(&base, "VectorIndexer", &with);
        call(&mut executor, "/index", vec![large(0)]);
        let filler = disk.0.join("filler");
        // Enough for the copy that the check makes is free again later.
        File::create(&filler).unwrap().write_all(&vec![1; DISK_BYTES / 4 * 3]).unwrap();
        let mut write = |number| call_with(&mut executor, "/index", vec![large(number)], json!({}));
        let failed = (1..WRITES_MAX).find_map(|number| Some((number, write(number).err()?.to_string())));
        let (failed, error) = failed.unwrap();
        assert!(failed > 1, "{error}");
        let refused = write(failed).unwrap_err().to_string();
        assert!(refused.contains("free some disk space"), "{error}; {refused}");
        assert_eq!(search(&mut executor, &[3.0, 1.0])[0], "0003");
        fs::remove_file(&filler).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = call_with(&mut executor, "/index", vec![large(failed)], json!({})) {
            assert!(Instant::now() < until, "{error}");
            std::thread::yield_now();
        }
        drop(executor);
        let problems = tool::verify(&base).unwrap();
        assert!(problems.iter().all(|(_, problems)| problems.is_empty()), "{problems:?}");
        let mut executor = open(&base, "VectorIndexer", &with);
        let ids = (0..=failed).map(|number| Document::new(format!("{number:04}"))).collect();
        let stored = call(&mut executor, "/get", ids);
        assert!(stored.documents.iter().all(|document| document.text.is_some()), "{fsync}");
        call(&mut executor, "/clear", NO_DOCUMENTS);
    }
}
