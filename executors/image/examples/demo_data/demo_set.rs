//! The set on disk: its files, their labels, and the marker that says it is complete.
//!
//! While a set is being made the marker is called `incomplete`; it is renamed at the end. A directory with something
//! in it and neither marker belongs to somebody else and is left alone. One process at a time may make a set.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::guard::read_text;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::error::DemoError;

/// Raised whenever the same arguments give other bytes than before.
const FORMAT: u32 = 2;
/// What a set consists of, beside its marker.
const PARTS: [&str; 6] = ["clips", "pictures", "texts", "frames", "broken", "labels.jsonl"];
const COMPLETE: &str = "complete";
const INCOMPLETE: &str = "incomplete";
/// A marker is a line; whatever is larger is none.
const MARKER_BYTES_MAX: u64 = 4096;

/// A set that is being made.
pub(crate) struct DemoSet {
    root: PathBuf,
    arguments: Value,
    labels: Vec<Value>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl DemoSet {
    /// What there is, when it is the whole set that `arguments` ask for.
    pub(crate) fn complete(arguments: &Arguments) -> Option<Inventory> {
        let marker = read_text(&arguments.out.join(COMPLETE), MARKER_BYTES_MAX).ok()?;
        let inventory = Inventory::of(&arguments.out);
        (marker == line(&marked(&told(arguments), inventory))).then_some(inventory)
    }

    /// Starts a set, in place of any that is there.
    pub(crate) fn begin(arguments: &Arguments) -> Result<Self, DemoError> {
        let root = arguments.out.clone();
        let (complete, incomplete) = (root.join(COMPLETE), root.join(INCOMPLETE));
        let in_use = fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_some());
        if in_use && !is_marker(&complete) && !is_marker(&incomplete) {
            return Err(DemoError::NotOurs(root));
        }
        fs::create_dir_all(&root).map_err(DemoError::io(&root))?;
        let arguments = told(arguments);
        fs::write(&incomplete, line(&json!({"arguments": arguments}))).map_err(DemoError::io(&incomplete))?;
        let set = Self { root, arguments, labels: Vec::new() };
        set.remove(COMPLETE)?;
        PARTS.iter().try_for_each(|part| set.remove(part))?;
        Ok(set)
    }

    /// Writes a file; `path` starts at the set.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DemoError> {
        let path = self.root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(DemoError::io(directory))?;
        }
        fs::write(&path, bytes).map_err(DemoError::io(&path))
    }

    /// Writes a file of JSON objects, one to a line.
    pub(crate) fn write_lines(&self, path: &str, lines: &[Value]) -> Result<(), DemoError> {
        self.write(path, lines.iter().map(line).collect::<String>().as_bytes())
    }

    /// Writes a clip or picture and remembers its label.
    pub(crate) fn add(
        &mut self,
        path: &str,
        bytes: &[u8],
        label: &str,
        split: &str,
        kind: &str,
    ) -> Result<(), DemoError> {
        self.labels.push(json!({"path": path, "label": label, "split": split, "kind": kind}));
        self.write(path, bytes)
    }

    /// Writes the labels and says that the set is complete.
    pub(crate) fn finish(self) -> Result<Inventory, DemoError> {
        self.write_lines("labels.jsonl", &self.labels)?;
        let inventory = Inventory::of(&self.root);
        let (complete, incomplete) = (self.root.join(COMPLETE), self.root.join(INCOMPLETE));
        self.write(INCOMPLETE, line(&marked(&self.arguments, inventory)).as_bytes())?;
        fs::rename(&incomplete, &complete).map_err(DemoError::io(&complete))?;
        Ok(inventory)
    }

    fn remove(&self, part: &str) -> Result<(), DemoError> {
        let path = self.root.join(part);
        let removed = match fs::symlink_metadata(&path) {
            Err(_) => return Ok(()),
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
        };
        removed.map_err(DemoError::io(&path))
    }
}

impl Inventory {
    /// Counts the files of the set at `root`.
    fn of(root: &Path) -> Self {
        let mut inventory = Self::default();
        let mut waiting: Vec<PathBuf> = PARTS.iter().map(|part| root.join(part)).collect();
        while let Some(path) = waiting.pop() {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    waiting.extend(
                        fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()),
                    );
                }
                Ok(metadata) => {
                    inventory.files += 1;
                    inventory.bytes += metadata.len();
                }
                Err(_) => {}
            }
        }
        inventory
    }
}

/// Whether the file is a marker of ours, and not just called like one.
fn is_marker(path: &Path) -> bool {
    let marker = read_text(path, MARKER_BYTES_MAX).ok().and_then(|text| serde_json::from_str(&text).ok());
    marker.is_some_and(|marker: Value| marker.pointer("/arguments/format").is_some_and(Value::is_u64))
}

/// What the bytes of a set depend on.
fn told(arguments: &Arguments) -> Value {
    let Arguments { out: _, seed, per_class, held_out } = arguments;
    json!({"format": FORMAT, "seed": seed, "per_class": per_class, "held_out": held_out})
}

/// The marker of a complete set.
fn marked(arguments: &Value, inventory: Inventory) -> Value {
    json!({"arguments": arguments, "files": inventory.files, "bytes": inventory.bytes})
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(arguments: &Arguments) -> Inventory {
        let mut set = DemoSet::begin(arguments).unwrap();
        set.add("clips/index/a.gif", b"abc", "red", "index", "clip").unwrap();
        set.write_lines("texts/index.jsonl", &[json!({"id": "t"})]).unwrap();
        set.finish().unwrap()
    }

    #[test]
    fn a_set_is_complete_once_it_is_finished_and_as_long_as_nothing_is_missing() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path().join("new/set"));
        assert_eq!(DemoSet::complete(&arguments), None);
        let inventory = make(&arguments);
        assert_eq!(DemoSet::complete(&arguments), Some(inventory));
        assert_eq!(inventory.files, 3);
        let labels = read_text(&arguments.out.join("labels.jsonl"), 1000).unwrap();
        assert_eq!(
            labels,
            "{\"path\":\"clips/index/a.gif\",\"label\":\"red\",\"split\":\"index\",\"kind\":\"clip\"}\n"
        );

        assert_eq!(DemoSet::complete(&Arguments { seed: 2, ..arguments.clone() }), None);
        fs::write(arguments.out.join("clips/index/a.gif"), b"ab").unwrap();
        assert_eq!(DemoSet::complete(&arguments), None);
    }

    #[test]
    fn an_interrupted_set_is_made_again_from_scratch() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path());
        let set = DemoSet::begin(&arguments).unwrap();
        set.write("clips/index/stale.gif", b"old").unwrap();
        drop(set);
        assert_eq!(DemoSet::complete(&arguments), None);
        make(&arguments);
        assert!(!directory.path().join("clips/index/stale.gif").exists());
        assert!(!directory.path().join(INCOMPLETE).exists());
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(COMPLETE), "my thesis").unwrap();
        let refused = DemoSet::begin(&Arguments::new(directory.path()));
        assert!(matches!(refused, Err(DemoError::NotOurs(_))));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_lies_beside_a_set_stays() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path());
        make(&arguments);
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        make(&Arguments { seed: 9, ..arguments });
        assert!(directory.path().join("notes.txt").exists());
    }
}
