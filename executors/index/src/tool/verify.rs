//! Verifies a shard: reads all data, to find damage before a request does.

use std::fmt::Display;
use std::path::Path;

use super::shard_files::ShardFiles;
use crate::ann::is_intact;
use crate::storage::{DocumentTags, LiveDocument, StorageError, Table, check_close_record, read_mark};

/// Largest number of problems that are listed; the others are only counted.
const LISTED_MAX: usize = 20;

/// Problems of a shard; empty when it is intact.
pub(super) fn problems(directory: &Path) -> Vec<String> {
    let files = match ShardFiles::open_read_only(directory) {
        Err(error) => return vec![error.to_string()],
        Ok(files) => files,
    };
    let mut problems = Problems::default();
    problems.check_acknowledged(&files);
    problems.check_rows(&files);
    problems.check_documents(&files.table);
    problems.check_vectors(&files);
    let faiss_index = files.layout.faiss_index(files.manifest.generation);
    if faiss_index.exists() && !is_intact(&faiss_index) {
        let path = faiss_index.display();
        problems.add(format!("{path} is damaged; the next start rebuilds it from the vectors"));
    }
    problems.into_messages()
}

/// Problems found so far.
#[derive(Default)]
struct Problems {
    listed: Vec<String>,
    /// Number of problems that are not listed.
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if self.listed.len() < LISTED_MAX { self.listed.push(problem) } else { self.more += 1 }
    }

    /// Adds an inconsistency of the documents of a shard, with the remedy.
    fn add_damage(&mut self, table: &Table, reason: impl Display) {
        self.add(StorageError::damaged(table.path(), reason).to_string());
    }

    /// The value of a successful read; adds the error of a failed one.
    fn check<T>(&mut self, read: Result<T, StorageError>) -> Option<T> {
        read.map_err(|error| self.add(error.to_string())).ok()
    }

    /// Checks that the acknowledgement mark and the close record are intact; the documents were compared with them when they
    /// were opened. Without a mark, which earlier versions did not write, the vector file shows whether documents are missing.
    fn check_acknowledged(&mut self, files: &ShardFiles) {
        self.check(check_close_record(files.table.path()));
        let Some(mark) = self.check(read_mark(files.table.path())) else { return };
        let (Some(changes), None) = (self.check(files.table.changes()), mark) else { return };
        if changes > 0 {
            self.add(format!(
                "{} has no acknowledgement mark, so a loss of its last changes is not noticed: if no document is missing, \
                 start the flow that writes to this index, which records a new mark; otherwise restore a snapshot",
                files.table.path().display()
            ));
            return;
        }
        let (Some(vectors), Some(counters)) = (&files.vectors, self.check(files.table.counters())) else {
            return;
        };
        if let Some(on_disk) = self.check(vectors.rows_on_disk()).filter(|on_disk| *on_disk > counters.rows) {
            self.add(format!(
                "{on_disk} vectors are stored, but documents refer to the first {} only: a write was interrupted, or \
                 documents are lost; restore a snapshot if one is missing",
                counters.rows
            ));
        }
    }

    /// Checks that each committed row belongs to one document, which refers back to it, or has a tombstone.
    fn check_rows(&mut self, files: &ShardFiles) {
        let Some(counters) = self.check(files.table.counters()) else { return };
        let mut count: u64 = 0;
        for live in files.table.live_documents() {
            let Some(LiveDocument { row, id, .. }) = self.check(live) else { continue };
            count += 1;
            let row_of_id = self.check(files.table.row_of_id(&id)).flatten();
            if row_of_id != Some(row) || row >= counters.rows {
                let reason =
                    format_args!("row {row} refers to document `{id}`, which does not refer to that row");
                self.add_damage(&files.table, reason);
            }
        }
        let dead = self.check(files.table.tombstones()).map_or(0, |dead| dead.len() as u64);
        if count + dead != counters.rows {
            let rows = counters.rows;
            let reason = format_args!("{rows} rows are committed, but {count} are live and {dead} are dead");
            self.add_damage(&files.table, reason);
        }
        if files.manifest.dimension.is_some() && count != counters.documents {
            let documents = counters.documents;
            self.add_damage(
                &files.table,
                format_args!("{documents} documents are stored, but {count} have vectors"),
            );
        }
    }

    /// Checks that every document can be read, and that their number equals the counter.
    fn check_documents(&mut self, table: &Table) {
        let mut count: u64 = 0;
        for stored in table.tags() {
            count += 1;
            if let Some(DocumentTags { id, .. }) = self.check(stored)
                && self.check(table.document(&id)).is_some_and(|document| document.is_none())
            {
                self.add_damage(table, format_args!("document `{id}` is missing"));
            }
        }
        let counter = self.check(table.counters()).map_or(count, |counters| counters.documents);
        if count != counter {
            self.add_damage(
                table,
                format_args!("the counter has {counter} documents, but {count} are stored"),
            );
        }
    }

    /// Compares every vector with its checksum.
    fn check_vectors(&mut self, files: &ShardFiles) {
        let (Some(vectors), Some(counters)) = (&files.vectors, self.check(files.table.counters())) else {
            return;
        };
        for row in 0..counters.rows {
            self.check(vectors.vector(row));
        }
    }

    fn into_messages(mut self) -> Vec<String> {
        if self.more > 0 {
            self.listed.push(format!("and {} more", self.more));
        }
        self.listed
    }
}
