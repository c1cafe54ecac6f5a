//! Taking back the room of rows that nobody finds any more.
//!
//! A row is never changed, so documents that are replaced or removed leave theirs behind. When these are the most of
//! the file, what lives is written into a generation of its own. Which generation is current does not change here.

use super::keys::Entry;
use super::{Counters, Fsync, Layout, LiveDocument, Reader, StorageError, Table, VectorFile};

/// Dead rows of fewer bytes than this are left where they are: the room is not worth the writing.
const DEAD_BYTES_MIN: u64 = 4 << 20;
/// How much is copied in one commit, in bytes, whatever single documents may have.
const BLOCK_BYTES: usize = 8 << 20;
/// How many documents are copied in one commit.
const BLOCK_DOCUMENTS: usize = 4096;

/// Whether so many dead rows among all should be left behind.
pub(crate) fn is_worth_reclaiming(rows: u64, dead: u64, dimension: usize) -> bool {
    let row_bytes = (dimension * size_of::<f32>()) as u64;
    dead > rows.saturating_sub(dead) && dead.saturating_mul(row_bytes) >= DEAD_BYTES_MIN
}

/// Writes the documents that have living rows, with these rows in their order, into `generation`, of which nothing is
/// there yet. When this returns they are on disk.
///
/// # Errors
/// When something cannot be read or written, or there are documents without rows; then the new generation is worth
/// nothing.
pub(crate) fn copy_live_documents(
    layout: &Layout,
    table: &Reader,
    vectors: &VectorFile,
    generation: u32,
) -> Result<Table, StorageError> {
    let mut copy = Copy {
        table: Table::open(&layout.documents(generation))?,
        vectors: VectorFile::create(&layout.vectors(generation), vectors.dimension(), vectors.elements())?,
        after: Counters::default(),
    };
    let mut block = Block::default();
    for living in table.live_documents() {
        let LiveDocument { row, id, document } = living?;
        let parent_id = table.entry(&id)?.ok_or_else(|| table.missing(&id))?.parent_id;
        block.bytes += document.len() + vectors.dimension() * size_of::<f32>();
        block.rows.push(row);
        block.documents.push((id, parent_id, document.to_vec()));
        if block.bytes >= BLOCK_BYTES || block.rows.len() >= BLOCK_DOCUMENTS {
            copy.write(vectors, std::mem::take(&mut block))?;
        }
    }
    copy.write(vectors, block)?;
    let (documents, copied) = (table.counters()?.documents, copy.after.documents);
    if copied != documents {
        let reason = format_args!("{documents} documents are stored, but {copied} have vectors");
        return Err(StorageError::damaged(table.path(), reason));
    }
    copy.vectors.sync()?;
    copy.table.note_synced(copy.after.rows)?;
    copy.table.sync()?;
    Ok(copy.table)
}

/// Documents that are copied together.
#[derive(Default)]
struct Block {
    /// Their rows in the old file.
    rows: Vec<u64>,
    /// Their ids, parents and protobuf bytes.
    documents: Vec<(String, String, Vec<u8>)>,
    /// How much they hold, their vectors included.
    bytes: usize,
}

/// The new generation, as far as it is written.
struct Copy {
    table: Table,
    vectors: VectorFile,
    after: Counters,
}

impl Copy {
    /// Appends a block.
    fn write(&mut self, from: &VectorFile, block: Block) -> Result<(), StorageError> {
        let vectors = block.rows.into_iter().map(|row| from.vector(row));
        let vectors = vectors.collect::<Result<Vec<Vec<f32>>, _>>()?;
        self.vectors.write(self.after.rows, vectors.iter().map(Vec::as_slice))?;
        // Durable all at once, at the end: before that nobody knows of this generation.
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

    /// What is stored of a document: its bytes, its parent and its vector.
    type Stored = Option<(Vec<u8>, String, Vec<f32>)>;

    /// In memory where the system has that: these tests need no disk, and would wait for one to sync.
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
        fn what_lives_is_copied_and_nothing_else(
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
            drop(copy_live_documents(&layout, &table, &vectors, 2).unwrap());

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
            // The order of the rows stays too.
            let order = |table: &Table| table.live_documents().map(|living| living.unwrap().id).collect::<Vec<_>>();
            prop_assert_eq!(order(&copied), order(&table));
        }
    }

    #[test]
    fn documents_are_not_left_behind_in_silence() {
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
    fn few_dead_rows_are_left_where_they_are() {
        assert!(is_worth_reclaiming(2001, 1001, 1048));
        assert!(!is_worth_reclaiming(2000, 1000, 1_000_000));
        assert!(!is_worth_reclaiming(2001, 1001, 8));
    }
}
