//! The effect of a change on the stored data: new rows, rows that get tombstones, chunks that are removed with their
//! parents.
//!
//! Planning only reads, so that a failure changes nothing.

use std::collections::HashSet;

use flowrun_sdk::{Tags, protobuf};

use super::change::{Change, Outcome, Put};
use super::counters::Counters;
use super::error::StorageError;
use super::fsync::Fsync;
use super::keys::Entry;
use super::table::Table;
use super::vector_file::VectorFile;

/// A document to store, with its old and new entry.
#[derive(Debug)]
struct Planned {
    /// Without its vector if that is stored already.
    put: Put,
    /// The new entry.
    entry: Entry,
    /// The stored entry; `None` for a new document.
    earlier: Option<Entry>,
}

impl Planned {
    /// Returns whether its earlier row gets a tombstone.
    fn leaves_tombstone(&self) -> bool {
        self.earlier.as_ref().is_some_and(|earlier| earlier.row != self.entry.row)
    }
}

/// The effect of a change on a table.
#[derive(Debug)]
pub(crate) struct Plan {
    puts: Vec<Planned>,
    removed: Vec<(String, Entry)>,
    before: Counters,
    /// Counters of the table after the commit.
    pub(crate) after: Counters,
    /// Numbers of affected documents, to report to the client.
    pub(crate) outcome: Outcome,
}

impl Plan {
    /// Plans `change` for documents whose vectors, if any, are in `vectors`.
    pub(crate) fn new(
        table: &Table,
        vectors: Option<&VectorFile>,
        mut change: Change,
    ) -> Result<Self, StorageError> {
        let before = table.counters()?;
        let mut plan = Self {
            puts: Vec::new(),
            removed: Vec::new(),
            before,
            after: before,
            outcome: Outcome::default(),
        };
        for put in change.take_puts() {
            plan.put(table, vectors, put, change.is_update_only)?;
        }
        let removed = std::mem::take(&mut change.removed);
        plan.remove(table, removed, &change.replaced_parents, |id| change.puts_id(id))?;
        Ok(plan)
    }

    fn put(
        &mut self,
        table: &Table,
        vectors: Option<&VectorFile>,
        mut put: Put,
        is_update_only: bool,
    ) -> Result<(), StorageError> {
        let earlier = table.entry(&put.id)?;
        if earlier.is_none() && is_update_only {
            self.outcome.unknown += 1;
            return Ok(());
        }
        self.outcome.written += 1;
        // An unchanged document is not written again: that would only grow the files.
        let reused_row = match &earlier {
            Some(earlier) if is_vector_stored(vectors, &put, earlier)? => {
                if put.parent_id == earlier.parent_id
                    && table.equals_stored(&put.id, earlier, &put.document)?
                {
                    return Ok(());
                }
                put.vector = None;
                earlier.row
            }
            _ => None,
        };
        self.after.documents += u64::from(earlier.is_none());
        let row = reused_row.or(put.vector.is_some().then_some(self.after.rows));
        self.after.rows += u64::from(put.vector.is_some());
        let parent_id = std::mem::take(&mut put.parent_id);
        self.puts.push(Planned { put, entry: Entry { row, parent_id }, earlier });
        Ok(())
    }

    /// Removes documents with their chunks, recursively; ids for which `keep` is true stay.
    fn remove(
        &mut self,
        table: &Table,
        ids: Vec<String>,
        parents: &HashSet<String>,
        keep: impl Fn(&str) -> bool,
    ) -> Result<(), StorageError> {
        let mut pending = ids;
        for parent in parents {
            pending.extend(table.children(parent)?);
        }
        let mut seen = HashSet::new();
        while let Some(id) = pending.pop() {
            if keep(&id) || !seen.insert(id.clone()) {
                continue;
            }
            pending.extend(table.children(&id)?);
            if let Some(entry) = table.entry(&id)? {
                self.after.documents = self.after.documents.saturating_sub(1);
                self.outcome.removed += 1;
                self.removed.push((id, entry));
            }
        }
        Ok(())
    }

    /// Returns whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.removed.is_empty()
    }

    /// The row of the first new vector.
    pub(crate) fn first_row(&self) -> u64 {
        self.before.rows
    }

    /// The new vectors, in the order of their rows.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        self.puts.iter().filter_map(|planned| planned.put.vector.as_deref())
    }

    /// Ids of stored documents.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.puts.iter().map(|planned| planned.put.id.as_str())
    }

    /// Ids of removed documents.
    pub(crate) fn removed_ids(&self) -> impl Iterator<Item = &str> {
        self.removed.iter().map(|(id, _)| id.as_str())
    }

    /// Ids of stored and removed documents.
    pub(crate) fn changed_ids(&self) -> impl Iterator<Item = &str> {
        self.ids().chain(self.removed_ids())
    }

    /// Tags of the stored documents, in the order of [`Plan::ids`], with their rows.
    pub(crate) fn tags(&self) -> Vec<(Option<u64>, Tags)> {
        // The bytes were encoded by this process.
        let tags = |planned: &Planned| protobuf::decode_tags(&planned.put.document).unwrap_or_default();
        self.puts.iter().map(|planned| (planned.entry.row, tags(planned))).collect()
    }

    /// Rows that get tombstones.
    pub(crate) fn new_tombstones(&self) -> impl Iterator<Item = u64> {
        let replaced = self.puts.iter().filter(|planned| planned.leaves_tombstone());
        let replaced = replaced.filter_map(|planned| planned.earlier.as_ref());
        replaced.chain(self.removed.iter().map(|(_, entry)| entry)).filter_map(|entry| entry.row)
    }

    /// Writes the plan atomically. With [`Fsync::Always`] all vectors must be on disk before.
    pub(crate) fn commit(&mut self, table: &Table, fsync: Fsync) -> Result<(), StorageError> {
        let mut writer = table.writer(fsync);
        for Planned { put, entry, earlier } in &mut self.puts {
            writer.put(&put.id, std::mem::take(&mut put.document), entry, earlier.as_ref());
        }
        for (id, entry) in &self.removed {
            writer.remove(id, entry);
        }
        if fsync == Fsync::Always {
            writer.note_synced(self.after.rows);
        }
        writer.commit(self.after)
    }
}

/// Returns whether exactly this vector is stored already.
fn is_vector_stored(vectors: Option<&VectorFile>, put: &Put, earlier: &Entry) -> Result<bool, StorageError> {
    match (&put.vector, earlier.row, vectors) {
        (None, None, _) => Ok(true),
        (Some(vector), Some(row), Some(vectors)) => vectors.row_equals(row, vector),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;

    fn put(id: &str, parent_id: &str) -> Put {
        let document = protobuf::encode(&Document::new(id));
        Put { id: id.to_owned(), parent_id: parent_id.to_owned(), document, vector: Some(vec![1.0]) }
    }

    fn apply(table: &Table, change: Change) -> (Outcome, Vec<u64>) {
        let mut plan = Plan::new(table, None, change).unwrap();
        let mut tombstones: Vec<u64> = plan.new_tombstones().collect();
        tombstones.sort_unstable();
        plan.commit(table, Fsync::Never).unwrap();
        assert_eq!(table.counters().unwrap(), plan.after);
        (plan.outcome, tombstones)
    }

    fn store(table: &Table, puts: &[(&str, &str)]) -> (Outcome, Vec<u64>) {
        let mut change = Change::default();
        for (id, parent_id) in puts {
            change.put(put(id, parent_id));
        }
        apply(table, change)
    }

    #[test]
    fn writing_an_id_twice_replaces_it() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        assert_eq!(store(&table, &[("a", ""), ("b", ""), ("a", "")]).1, [0; 0]);
        assert_eq!(table.counters().unwrap(), Counters { rows: 2, documents: 2 });
        let (outcome, tombstones) = store(&table, &[("a", "p")]);
        assert_eq!((outcome.written, tombstones), (1, vec![0]));
        assert_eq!(table.entry("a").unwrap(), Some(Entry { row: Some(2), parent_id: "p".to_owned() }));
        assert_eq!((table.id_of_row(2).unwrap().as_str(), table.id_of_row(0).is_err()), ("a", true));
        assert_eq!(
            (table.children("p").unwrap(), table.tombstones().unwrap()),
            (vec!["a".to_owned()], vec![0])
        );
        store(&table, &[("a", "q")]);
        assert_eq!(table.children("p").unwrap(), [""; 0]);
    }

    #[test]
    fn removing_a_document_removes_its_chunks_recursively() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        store(&table, &[("a", ""), ("a#0", "a"), ("a#0#0", "a#0"), ("ab#0", "ab"), ("loop", "loop")]);
        let mut change = Change::default();
        change.remove("a".to_owned());
        change.remove("loop".to_owned());
        change.remove("unknown".to_owned());
        let (outcome, tombstones) = apply(&table, change);
        assert_eq!((outcome.removed, tombstones), (4, vec![0, 1, 2, 4]));
        assert_eq!(table.counters().unwrap().documents, 1);
        assert!(table.document("a#0").unwrap().is_none() && table.document("ab#0").unwrap().is_some());
    }

    #[test]
    fn chunks_missing_from_a_replacement_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        store(&table, &[("a#0", "a"), ("a#1", "a"), ("a#2", "a")]);
        let mut change = Change::default();
        change.put(put("a#1", "a"));
        change.replace_children("a");
        let (outcome, tombstones) = apply(&table, change);
        assert_eq!((outcome, tombstones), (Outcome { written: 1, removed: 2, unknown: 0 }, vec![0, 1, 2]));
        assert_eq!(table.children("a").unwrap(), ["a#1"]);
    }

    #[test]
    fn a_document_that_occurs_twice_keeps_only_the_last_chunks() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        store(&table, &[("a#2", "a")]);
        let mut change = Change::default();
        let times: [&[(&str, &str)]; 3] =
            [&[("a#1", "a"), ("a#1#0", "a#1"), ("a#2", "a")], &[("b#0", "b")], &[("a#0", "a"), ("a#2", "a")]];
        for (puts, parent_id) in times.into_iter().zip(["a", "b", "a"]) {
            change.replace_children(parent_id);
            puts.iter().for_each(|(id, parent_id)| change.put(put(id, parent_id)));
        }
        assert_eq!(apply(&table, change).0, Outcome { written: 3, removed: 0, unknown: 0 });
        assert_eq!(table.children("a").unwrap(), ["a#0", "a#2"]);
        assert_eq!(table.children("a#1").unwrap(), [""; 0]);
    }

    #[test]
    fn an_update_does_not_insert_unknown_documents() {
        let directory = tempfile::tempdir().unwrap();
        let table = Table::open(&directory.path().join("t")).unwrap();
        store(&table, &[("a", "")]);
        let mut change = Change::updates_only();
        change.put(put("a", ""));
        change.put(put("b", ""));
        assert_eq!(apply(&table, change).0, Outcome { written: 1, removed: 0, unknown: 1 });
        assert!(table.entry("b").unwrap().is_none());
    }

    #[test]
    fn a_reopened_table_has_the_same_contents() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        std::fs::create_dir(path.with_extension("new")).unwrap();
        store(&Table::open(&path).unwrap(), &[("a", ""), ("b", "a")]);
        let table = Table::open(&path).unwrap();
        assert_eq!(table.counters().unwrap(), Counters { rows: 2, documents: 2 });
        assert_eq!(table.document("b").unwrap(), Some(Document::new("b")));
        assert_eq!(table.id_of_row(1).unwrap(), "b");
    }
}
