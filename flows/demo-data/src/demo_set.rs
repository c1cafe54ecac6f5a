//! The set on disk: its files, their labels, and the marker of a complete set.
//!
//! While a set is written the marker is called `incomplete`; it is renamed at the end. Files with the names of those of a set,
//! in a directory without either marker, are never changed. Only one process at a time may write a set.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::guard::read_text;
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::error::DemoError;

/// Format version. Raise it when the same arguments give other bytes than before.
const FORMAT: u32 = 3;
/// Files and directories of a set, except for the marker.
const PARTS: [&str; 6] = ["clips", "pictures", "texts", "frames", "broken", "labels.jsonl"];
const COMPLETE: &str = "complete";
const INCOMPLETE: &str = "incomplete";
/// Largest marker in bytes. A marker is one line; larger files are not markers.
const MARKER_BYTES_MAX: u64 = 4096;

/// A set that is being written.
pub(crate) struct DemoSet {
    root: PathBuf,
    arguments: Value,
    labels: Vec<Value>,
}

/// Number and size of the files of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

impl DemoSet {
    /// The inventory of the set in the output directory if it is complete and has the same arguments.
    pub(crate) fn find_complete(arguments: &Arguments) -> Option<Inventory> {
        let marker = read_text(&arguments.out.join(COMPLETE), MARKER_BYTES_MAX).ok()?;
        let inventory = Inventory::count(&arguments.out);
        (marker == json_line(&complete_marker(&marker_arguments(arguments), inventory))).then_some(inventory)
    }

    /// Starts a set and deletes an existing one in the same directory.
    ///
    /// # Errors
    /// [`DemoError::NotOurs`] if a file in the directory has the name of one of a set, and there is no marker of a set.
    pub(crate) fn begin(arguments: &Arguments) -> Result<Self, DemoError> {
        let root = arguments.out.clone();
        let (complete, incomplete) = (root.join(COMPLETE), root.join(INCOMPLETE));
        let names = PARTS.iter().chain(&[COMPLETE, INCOMPLETE]);
        let mut taken = names.map(|name| root.join(name)).filter(|path| fs::symlink_metadata(path).is_ok());
        if let Some(path) = taken.next()
            && !is_marker(&complete)
            && !is_marker(&incomplete)
        {
            return Err(DemoError::NotOurs(path));
        }
        fs::create_dir_all(&root).map_err(DemoError::io(&root))?;
        let arguments = marker_arguments(arguments);
        fs::write(&incomplete, json_line(&json!({"arguments": arguments})))
            .map_err(DemoError::io(&incomplete))?;
        let set = Self { root, arguments, labels: Vec::new() };
        set.remove(COMPLETE)?;
        PARTS.iter().try_for_each(|part| set.remove(part))?;
        Ok(set)
    }

    /// Writes a file; `path` is relative to the set.
    pub(crate) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DemoError> {
        let path = self.root.join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(DemoError::io(directory))?;
        }
        fs::write(&path, bytes).map_err(DemoError::io(&path))
    }

    /// Writes a file of JSON objects, one per line.
    pub(crate) fn write_lines(&self, path: &str, lines: &[Value]) -> Result<(), DemoError> {
        self.write(path, lines.iter().map(json_line).collect::<String>().as_bytes())
    }

    /// Writes a clip or picture and records its label.
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

    /// Writes the labels and the marker of a complete set.
    pub(crate) fn finish(self) -> Result<Inventory, DemoError> {
        self.write_lines("labels.jsonl", &self.labels)?;
        let inventory = Inventory::count(&self.root);
        let (complete, incomplete) = (self.root.join(COMPLETE), self.root.join(INCOMPLETE));
        self.write(INCOMPLETE, json_line(&complete_marker(&self.arguments, inventory)).as_bytes())?;
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
    fn count(root: &Path) -> Self {
        let mut inventory = Self::default();
        let mut pending: Vec<PathBuf> = PARTS.iter().map(|part| root.join(part)).collect();
        while let Some(path) = pending.pop() {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    pending.extend(
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

/// Checks the content of a file with the name of a marker.
fn is_marker(path: &Path) -> bool {
    let marker = read_text(path, MARKER_BYTES_MAX).ok().and_then(|text| serde_json::from_str(&text).ok());
    marker.is_some_and(|marker: Value| marker.pointer("/arguments/format").is_some_and(Value::is_u64))
}

/// The arguments that determine the bytes of a set.
fn marker_arguments(arguments: &Arguments) -> Value {
    let Arguments { out: _, seed, per_class, held_out } = arguments;
    json!({"format": FORMAT, "seed": seed, "per_class": per_class, "held_out": held_out})
}

/// The marker of a complete set.
fn complete_marker(arguments: &Value, inventory: Inventory) -> Value {
    json!({"arguments": arguments, "files": inventory.files, "bytes": inventory.bytes})
}

fn json_line(value: &Value) -> String {
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
    fn a_set_is_complete_after_finish_and_until_a_file_changes() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path().join("new/set"));
        assert_eq!(DemoSet::find_complete(&arguments), None);
        let inventory = make(&arguments);
        assert_eq!(DemoSet::find_complete(&arguments), Some(inventory));
        assert_eq!(inventory.files, 3);
        let labels = read_text(&arguments.out.join("labels.jsonl"), 1000).unwrap();
        assert_eq!(
            labels,
            "{\"path\":\"clips/index/a.gif\",\"label\":\"red\",\"split\":\"index\",\"kind\":\"clip\"}\n"
        );

        assert_eq!(DemoSet::find_complete(&Arguments { seed: 2, ..arguments.clone() }), None);
        fs::write(arguments.out.join("clips/index/a.gif"), b"ab").unwrap();
        assert_eq!(DemoSet::find_complete(&arguments), None);
    }

    #[test]
    fn an_interrupted_set_is_rewritten_from_scratch() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path());
        let set = DemoSet::begin(&arguments).unwrap();
        set.write("clips/index/stale.gif", b"old").unwrap();
        drop(set);
        assert_eq!(DemoSet::find_complete(&arguments), None);
        make(&arguments);
        assert!(!directory.path().join("clips/index/stale.gif").exists());
        assert!(!directory.path().join(INCOMPLETE).exists());
    }

    #[test]
    fn other_files_with_the_names_of_a_set_are_kept() {
        for name in [COMPLETE, "labels.jsonl"] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(name), "my thesis").unwrap();
            let result = DemoSet::begin(&Arguments::new(directory.path()));
            assert!(matches!(result, Err(DemoError::NotOurs(path)) if path.ends_with(name)));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn other_files_next_to_a_set_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::new(directory.path());
        fs::write(directory.path().join("notes.txt"), "mine").unwrap();
        make(&arguments);
        make(&Arguments { seed: 9, ..arguments });
        assert!(directory.path().join("notes.txt").exists());
    }
}
