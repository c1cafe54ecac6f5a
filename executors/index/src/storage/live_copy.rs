//! Copying the live documents of a generation into another.
//!
//! Rows never change, so replaced and removed documents leave tombstones. Once most rows have one, compaction copies
//! the live documents into a new generation; backups do as well. This module does not change which generation is
//! current.

use super::counters::Counters;
use super::error::StorageError;
use super::fsync::Fsync;
use super::keys::Entry;
use super::layout::Layout;
use super::table::Table;
use super::table_reader::{LiveDocument, TableReader};
use super::vector_file::VectorFile;

/// Smallest size in bytes of the vectors with tombstones that is worth a compaction.
const TOMBSTONE_BYTES_MIN: u64 = 4 << 20;
/// Bytes of documents and vectors after which a block is committed.
const BLOCK_BYTES: usize = 8 << 20;
/// Largest number of documents in one commit.
const BLOCK_DOCUMENTS: usize = 4096;

/// Returns whether the share and the size of rows with tombstones make a compaction worthwhile.
pub(crate) fn is_compaction_due(rows: u64, tombstones: u64, dimension: usize) -> bool {
    let row_bytes = (dimension * size_of::<f32>()) as u64;
    tombstones > rows.saturating_sub(tombstones)
        && tombstones.saturating_mul(row_bytes) >= TOMBSTONE_BYTES_MIN
}

/// Copies the live documents with their vectors, in row order, into `generation`, which must not exist yet. The new
/// generation is synced and closed when this returns.
///
/// # Errors
/// When data cannot be read or written, or a document has no row; the new generation is unusable then.
pub(crate) fn copy_live_documents(
    layout: &Layout,
    table: &TableReader,
    vectors: &VectorFile,
    generation: u32,
) -> Result<(), StorageError> {
    let mut target = NewGeneration {
        table: Table::open(&layout.documents(generation))?,
        vectors: VectorFile::create(&layout.vectors(generation), vectors.dimension(), vectors.elements())?,
        after: Counters::default(),
    };
    let mut block = Block::default();
    for live in table.live_documents() {
        let LiveDocument { row, id, document } = live?;
        let parent_id = table.entry(&id)?.ok_or_else(|| table.missing(&id))?.parent_id;
        block.bytes += document.len() + vectors.dimension() * size_of::<f32>();
        block.rows.push(row);
        block.documents.push((id, parent_id, document.to_vec()));
        if block.bytes >= BLOCK_BYTES || block.rows.len() >= BLOCK_DOCUMENTS {
            target.write(vectors, std::mem::take(&mut block))?;
        }
    }
    target.write(vectors, block)?;
    let (documents, copied) = (table.counters()?.documents, target.after.documents);
    if copied != documents {
        let reason = format_args!("{documents} documents are stored, but {copied} have vectors");
        return Err(StorageError::damaged(table.path(), reason));
    }
    target.vectors.sync()?;
    target.table.note_synced(target.after.rows)?;
    target.table.close()
}

/// Documents that are copied in one commit.
#[derive(Default)]
struct Block {
    /// Rows in the old file.
    rows: Vec<u64>,
    /// Ids, parent ids and protobuf bytes.
    documents: Vec<(String, String, Vec<u8>)>,
    /// Bytes of the documents and their vectors.
    bytes: usize,
}

/// The new generation.
struct NewGeneration {
    table: Table,
    vectors: VectorFile,
    after: Counters,
}

impl NewGeneration {
    /// Appends a block.
    fn write(&mut self, from: &VectorFile, block: Block) -> Result<(), StorageError> {
        let vectors = block.rows.into_iter().map(|row| from.vector(row));
        let vectors = vectors.collect::<Result<Vec<Vec<f32>>, _>>()?;
        self.vectors.write(self.after.rows, vectors.iter().map(Vec::as_slice))?;
        // Synced once at the end: until then no manifest names this generation.
        let mut writer = self.table.writer(Fsync::Never);
        for (id, parent_id, document) in block.documents {
            let entry = Entry { row: Some(self.after.rows), parent_id };
            writer.put(&id, document, &entry, None);
            self.after.rows += 1;
            self.after.documents += 1;
        }
        writer.commit(self.after)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Change, ElementType, Plan, Put};
    use super::*;

    /// Stored data of a document: bytes, parent id and vector.
    type Stored = Option<(Vec<u8>, String, Vec<f32>)>;

    /// In memory if possible: these tests need no disk and would wait for syncs.
    fn directory() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
    }

    fn stored(table: &Table, vectors: &VectorFile, id: &str) -> Stored {
        let entry = table.entry(id).unwrap()?;
        let document = table.stored(id, &entry).unwrap().to_vec();
        let row = entry.row.unwrap();
        assert_eq!(table.id_of_row(row).unwrap(), id);
        Some((document, entry.parent_id, vectors.vector(row).unwrap()))
    }

    fn apply(table: &Table, vectors: &VectorFile, change: Change) {
        let mut plan = Plan::new(table, Some(vectors), change).unwrap();
        vectors.write(plan.first_row(), plan.vectors()).unwrap();
        plan.commit(table, Fsync::Never).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn exactly_the_live_documents_are_copied(
            calls in proptest::collection::vec(
                (proptest::collection::vec((0..12_u8, any::<bool>(), 0..3_u8), 0..8), 0..12_u8), 1..6,
            ),
        ) {
            let directory = directory();
            let layout = Layout::new(directory.path());
            let table = Table::open(&layout.documents(1)).unwrap();
            let vectors = VectorFile::create(&layout.vectors(1), 2, ElementType::F32).unwrap();
            for (puts, removed) in calls {
                let mut change = Change::default();
                for (id, has_parent, element) in puts {
                    change.put(Put {
                        id: id.to_string(),
                        parent_id: if has_parent { "parent".to_owned() } else { String::new() },
                        document: vec![id, element],
                        vector: Some(vec![f32::from(id), f32::from(element)]),
                    });
                }
                change.remove(removed.to_string());
                apply(&table, &vectors, change);
            }
            copy_live_documents(&layout, &table, &vectors, 2).unwrap();

            let copied = Table::open(&layout.documents(2)).unwrap();
            let counters = copied.counters().unwrap();
            let documents = table.counters().unwrap().documents;
            prop_assert_eq!(counters, Counters { rows: documents, documents });
            prop_assert_eq!(copied.tombstones().unwrap(), [0; 0]);
            let copied_vectors = VectorFile::open(&layout.vectors(2), 2, ElementType::F32, counters.rows).unwrap();
            for id in (0..12).map(|id: u8| id.to_string()) {
                prop_assert_eq!(stored(&copied, &copied_vectors, &id), stored(&table, &vectors, &id));
            }
            prop_assert_eq!(copied.children("parent").unwrap(), table.children("parent").unwrap());
            // The order of the rows is kept.
            let order = |table: &Table| table.live_documents().map(|live| live.unwrap().id).collect::<Vec<_>>();
            prop_assert_eq!(order(&copied), order(&table));
        }
    }

    #[test]
    fn documents_without_vectors_are_not_dropped_silently() {
        let directory = directory();
        let layout = Layout::new(directory.path());
        let table = Table::open(&layout.documents(1)).unwrap();
        let vectors = VectorFile::create(&layout.vectors(1), 2, ElementType::F32).unwrap();
        let mut change = Change::default();
        change.put(Put { id: "a".to_owned(), parent_id: String::new(), document: vec![], vector: None });
        apply(&table, &vectors, change);
        let error = copy_live_documents(&layout, &table, &vectors, 2).unwrap_err().to_string();
        assert!(error.contains("1 documents are stored, but 0 have vectors"), "{error}");
    }

    #[test]
    fn few_tombstones_are_not_worth_a_compaction() {
        assert!(is_compaction_due(2001, 1001, 1048));
        assert!(!is_compaction_due(2000, 1000, 1_000_000));
        assert!(!is_compaction_due(2001, 1001, 8));
    }
}
