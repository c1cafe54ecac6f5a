//! Reading everything of a shard, to find what is damaged before somebody needs it.

use std::path::Path;

use super::Opened;
use crate::derived::is_whole;
use crate::storage::{DocumentTags, LiveDocument, StorageError, Table};

/// Damage of one kind that is listed before the rest is only counted.
const LISTED: usize = 20;

/// What is wrong with a shard.
pub(super) fn problems(directory: &Path) -> Vec<String> {
    let opened = match Opened::beside(directory) {
        Err(error) => return vec![error.to_string()],
        Ok(opened) => opened,
    };
    let mut problems = Problems::default();
    problems.rows(&opened);
    problems.documents(&opened.table);
    problems.vectors(&opened);
    let derived = opened.layout.faiss_index(opened.manifest.generation);
    if derived.exists() && !is_whole(&derived) {
        problems.add(format!("{} is damaged; it is built again from the vectors", derived.display()));
    }
    problems.told()
}

/// What is wrong, the first of it in words.
#[derive(Default)]
struct Problems {
    listed: Vec<String>,
    more: usize,
}

impl Problems {
    fn add(&mut self, problem: String) {
        if self.listed.len() < LISTED { self.listed.push(problem) } else { self.more += 1 }
    }

    fn note<T>(&mut self, read: Result<T, StorageError>) -> Option<T> {
        read.map_err(|error| self.add(error.to_string())).ok()
    }

    /// Each row is that of one document, which knows so; no other has one.
    fn rows(&mut self, opened: &Opened) {
        let Some(counters) = self.note(opened.table.counters()) else { return };
        let mut count: u64 = 0;
        for living in opened.table.live_documents() {
            let Some(LiveDocument { row, id, .. }) = self.note(living) else { continue };
            count += 1;
            let known = self.note(opened.table.row_of_id(&id)).flatten();
            if known != Some(row) || row >= counters.rows {
                self.add(format!("row {row} is said to be that of `{id}`, which is not so"));
            }
        }
        let dead = self.note(opened.table.tombstones()).map_or(0, |dead| dead.len() as u64);
        if count + dead != counters.rows {
            self.add(format!("{} rows are committed, but {count} live and {dead} are dead", counters.rows));
        }
        if opened.manifest.dimension.is_some() && count != counters.documents {
            self.add(format!("{} documents are stored, but {count} have vectors", counters.documents));
        }
    }

    /// Every document can be read, and there are as many as were counted.
    fn documents(&mut self, table: &Table) {
        let mut count: u64 = 0;
        for stored in table.tags() {
            count += 1;
            if let Some(DocumentTags { id, .. }) = self.note(stored)
                && self.note(table.document(&id)).is_some_and(|document| document.is_none())
            {
                self.add(format!("document `{id}` is missing"));
            }
        }
        let counted = self.note(table.counters()).map_or(count, |counters| counters.documents);
        if count != counted {
            self.add(format!("{counted} documents were counted, but {count} are there"));
        }
    }

    /// Every vector is what was written.
    fn vectors(&mut self, opened: &Opened) {
        let (Some(file), Some(counters)) = (&opened.vectors, self.note(opened.table.counters())) else {
            return;
        };
        for row in 0..counters.rows {
            self.note(file.vector(row));
        }
    }

    fn told(mut self) -> Vec<String> {
        if self.more > 0 {
            self.listed.push(format!("and {} more", self.more));
        }
        self.listed
    }
}
