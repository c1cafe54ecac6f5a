//! Documents of a job that succeeded: entries of a checkpoint, and the set that they make.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::position::FileVersion;

/// The documents of one request that succeeded: a further line.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<(String, FileVersion)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lines: Vec<LineRange>,
    /// Bytes of the results so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output_bytes: Option<u64>,
}

/// Consecutive lines of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LineRange {
    pub(super) path: Arc<str>,
    pub(super) first: u64,
    pub(super) last: u64,
    /// Hash of the text of the last line.
    pub(super) hash: u64,
}

/// Documents that succeeded in earlier runs of a job.
#[derive(Debug, Default)]
pub(super) struct DoneDocuments {
    files: HashMap<String, FileVersion>,
    lines: HashMap<Arc<str>, DoneLines>,
}

/// Lines of a file that succeeded.
#[derive(Debug, Default)]
pub(super) struct DoneLines {
    /// First and last lines of ranges, sorted and disjoint.
    ranges: Vec<(u64, u64)>,
    /// Number of the last line, and the hash of its text.
    last: (u64, u64),
}

impl DoneLines {
    /// True if the line is among them.
    pub(super) fn contains(&self, line: u64) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= line);
        after.checked_sub(1).and_then(|index| self.ranges.get(index)).is_some_and(|(_, last)| line <= *last)
    }

    /// Number of the last line.
    pub(super) fn last_line(&self) -> u64 {
        self.last.0
    }

    /// True if `line` is the last one of them, and its text has another hash: the file was changed.
    pub(super) fn differs(&self, line: u64, hash: u64) -> bool {
        self.last.0 == line && self.last.1 != hash
    }

    fn count(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    fn add(&mut self, range: &LineRange) {
        self.ranges.push((range.first, range.last));
        if range.last >= self.last.0 {
            self.last = (range.last, range.hash);
        }
    }

    /// Sorts the ranges, and joins those that touch.
    fn join(&mut self) {
        self.ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.ranges = joined;
    }
}

impl DoneDocuments {
    /// True if the file, in this version, succeeded.
    pub(super) fn contains_file(&self, path: &str, version: FileVersion) -> bool {
        self.files.get(path) == Some(&version)
    }

    /// Joins the ranges of lines, once all entries are added.
    pub(super) fn join(&mut self) {
        self.lines.values_mut().for_each(DoneLines::join);
    }

    /// The lines of a file that succeeded, if there are any.
    pub(super) fn lines_of(&self, path: &str) -> Option<&DoneLines> {
        self.lines.get(path)
    }

    /// Number of documents.
    pub(super) fn count(&self) -> u64 {
        self.files.len() as u64 + self.lines.values().map(DoneLines::count).sum::<u64>()
    }

    /// Adds the documents of an entry.
    pub(super) fn add(&mut self, entry: Entry) {
        self.files.extend(entry.files);
        for range in entry.lines {
            self.lines.entry(Arc::clone(&range.path)).or_default().add(&range);
        }
    }
}
