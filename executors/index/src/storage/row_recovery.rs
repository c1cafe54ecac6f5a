//! Recovery of rows that never reached the disk.
//!
//! If a write is acknowledged before it is synced, a power failure may lose vectors but keep the documents that refer
//! to them: the disk may write in any order. The number of synced leading rows is recorded. Later rows are checked
//! when the index is opened: documents of missing rows are removed, as if they had never been acknowledged.
//! Everything else stays.

use std::ops::Range;

use flowrun_sdk::tracing;

use super::error::StorageError;
use super::fsync::Fsync;
use super::layout::Layout;
use super::manifest::Manifest;
use super::table::Table;
use super::vector_file::VectorFile;

/// Documents removed in one commit.
const REMOVED_AT_ONCE: usize = 4096;

/// Checks the rows that may not have reached the disk, and removes the documents of lost rows; their number is logged.
///
/// # Errors
/// When data cannot be read or written, or synced rows are missing; the next opening tries again.
pub(crate) fn recover_unsynced_rows(
    table: &Table,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<(), StorageError> {
    let (rows, Some(synced)) = (table.counters()?.rows, table.synced_rows()?) else { return Ok(()) };
    let Some(dimension) = manifest.dimension.filter(|_| synced < rows) else { return Ok(()) };
    let path = layout.vectors(manifest.generation);
    let file = VectorFile::open_read_only(&path, dimension, manifest.elements(), synced)?;
    let broken = unreadable_rows(&file, synced..rows)?;
    if !broken.is_empty() {
        let lost = remove_documents(table, &broken)?;
        overwrite_rows(&file, dimension, &broken)?;
        tracing::warn!(
            path = %path.display(),
            documents = lost,
            "documents whose vectors were not synced before the machine went down are lost; `fsync: always` prevents that"
        );
    }
    file.sync()?;
    table.note_synced(rows)?;
    table.sync()
}

/// Rows that are damaged or missing.
fn unreadable_rows(file: &VectorFile, rows: Range<u64>) -> Result<Vec<u64>, StorageError> {
    let rows_on_disk = file.rows_on_disk()?;
    let mut broken = Vec::new();
    for row in rows {
        match (row < rows_on_disk).then(|| file.vector(row)).transpose() {
            Ok(Some(_)) => {}
            Ok(None) | Err(StorageError::Damaged { .. }) => broken.push(row),
            Err(error) => return Err(error),
        }
    }
    Ok(broken)
}

/// Removes the documents of lost rows, before the rows are overwritten; returns their number.
fn remove_documents(table: &Table, rows: &[u64]) -> Result<u64, StorageError> {
    let mut counters = table.counters()?;
    let before = counters.documents;
    for rows in rows.chunks(REMOVED_AT_ONCE) {
        let mut writer = table.writer(Fsync::Never);
        for row in rows {
            let Some(id) = table.live_id_of_row(*row)? else { continue };
            let entry = table.entry(&id)?.ok_or_else(|| table.missing(&id))?;
            writer.remove(&id, &entry);
            counters.documents = counters.documents.saturating_sub(1);
        }
        writer.commit(counters)?;
    }
    table.sync()?;
    Ok(before.saturating_sub(counters.documents))
}

/// Overwrites these rows with a valid vector: a scan of the file reads rows with tombstones too.
fn overwrite_rows(file: &VectorFile, dimension: usize, rows: &[u64]) -> Result<(), StorageError> {
    // A unit vector, which every metric can compare.
    let vector: Vec<f32> = (0..dimension).map(|position| if position == 0 { 1.0 } else { 0.0 }).collect();
    rows.iter().try_for_each(|row| file.write(*row, [&vector[..]].into_iter()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt as _;

    use flowrun_sdk::{Document, protobuf};
    use proptest::prelude::*;

    use super::super::{Change, ElementType, Plan, Put};
    use super::*;
    use crate::metric::Metric;
    use crate::parameter_names::ParameterNames;
    use crate::storage::{Schema, StorageKind};

    const ROW_BYTES: u64 = 2 * 4 + 4;

    fn manifest() -> Manifest {
        let schema = Schema {
            kind: StorageKind::Vectors,
            dimension: Some(2),
            metric: Metric::Cosine,
            elements: None,
            index: "auto".to_owned(),
            shards: 1,
            shard: 0,
            names: ParameterNames::DEFAULT,
        };
        Manifest::new(&schema, 1)
    }

    fn open(layout: &Layout) -> (Table, VectorFile) {
        let table = Table::open(&layout.documents(1)).unwrap();
        let path = layout.vectors(1);
        if !path.exists() {
            VectorFile::create(&path, 2, ElementType::F32).unwrap();
        }
        let file = VectorFile::open_read_only(&path, 2, ElementType::F32, 0).unwrap();
        (table, file)
    }

    fn vector(id: u8, text: u8) -> Vec<f32> {
        vec![f32::from(id), f32::from(text) + 1.0]
    }

    /// Stores a document, or removes it.
    fn write(table: &Table, file: &VectorFile, id: u8, text: Option<u8>, fsync: Fsync) {
        let mut change = Change::default();
        match text {
            Some(text) => {
                let document = protobuf::encode(&Document::new(id.to_string()).with_text(text.to_string()));
                let vector = Some(vector(id, text));
                // Documents with odd ids are chunks of those with even ids.
                let parent_id = if id % 2 == 1 { (id - 1).to_string() } else { String::new() };
                change.put(Put { id: id.to_string(), parent_id, document, vector });
            }
            None => change.remove(id.to_string()),
        }
        let mut plan = Plan::new(table, Some(file), change).unwrap();
        file.write(plan.first_row(), plan.vectors()).unwrap();
        plan.commit(table, fsync).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn exactly_the_documents_of_lost_rows_are_removed(
            synced in proptest::collection::vec((0..8_u8, proptest::option::of(0..3_u8)), 0..12),
            unsynced in proptest::collection::vec((0..8_u8, proptest::option::of(0..3_u8)), 1..12),
            zeroed in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            cut in 0..40_u64,
        ) {
            let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let layout = Layout::new(directory.path());
            let (table, file) = open(&layout);
            for (id, text) in &synced {
                write(&table, &file, *id, *text, Fsync::Always);
            }
            let on_disk = table.counters().unwrap().rows;
            prop_assert_eq!(table.synced_rows().unwrap(), Some(on_disk));
            for (id, text) in &unsynced {
                write(&table, &file, *id, *text, Fsync::Never);
            }
            let rows = table.counters().unwrap().rows;
            let before: BTreeMap<String, (u64, Document)> = (0..8_u8)
                .map(|id| id.to_string())
                .filter_map(|id| {
                    let row = table.row_of_id(&id).unwrap()?;
                    Some((id.clone(), (row, table.document(&id).unwrap()?)))
                })
                .collect();
            // A power failure may leave zeros instead of rows, and cut off the end of the file.
            let raw = OpenOptions::new().write(true).open(layout.vectors(1)).unwrap();
            let offset = |row: u64| 64 + row * ROW_BYTES;
            let mut broken: Vec<u64> = Vec::new();
            if rows > on_disk {
                for index in zeroed {
                    let row = on_disk + index.index((rows - on_disk) as usize) as u64;
                    raw.write_all_at(&[0; ROW_BYTES as usize], offset(row)).unwrap();
                    broken.push(row);
                }
                let length = offset(rows) - cut.min((rows - on_disk) * ROW_BYTES);
                raw.set_len(length).unwrap();
                broken.extend((on_disk..rows).filter(|row| offset(row + 1) > length));
            }
            for _ in 0..2 {
                recover_unsynced_rows(&table, &layout, &manifest()).unwrap();
                let file = VectorFile::open(&layout.vectors(1), 2, ElementType::F32, rows).unwrap();
                prop_assert_eq!(unreadable_rows(&file, 0..rows).unwrap(), [0; 0]);
                prop_assert_eq!(table.synced_rows().unwrap(), Some(rows));
                let mut left = 0;
                for (id, (row, document)) in &before {
                    let found = table.document(id).unwrap();
                    if broken.contains(row) {
                        prop_assert_eq!(found, None);
                        prop_assert!(table.tombstones().unwrap().contains(row));
                        continue;
                    }
                    left += 1;
                    let text: u8 = document.text.as_ref().unwrap().parse().unwrap();
                    prop_assert_eq!(file.vector(*row).unwrap(), vector(id.parse().unwrap(), text));
                    prop_assert_eq!(found.as_ref(), Some(document));
                }
                prop_assert_eq!(table.counters().unwrap().documents, left);
            }
        }
    }

    #[test]
    fn a_missing_synced_row_is_damage() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let (table, file) = open(&layout);
        write(&table, &file, 1, Some(1), Fsync::Always);
        write(&table, &file, 2, Some(2), Fsync::Never);
        let raw = OpenOptions::new().write(true).open(layout.vectors(1)).unwrap();
        raw.set_len(64 + ROW_BYTES - 1).unwrap();
        let refused = recover_unsynced_rows(&table, &layout, &manifest()).unwrap_err().to_string();
        assert!(refused.contains("1 vectors were acknowledged, but 0 are there"), "{refused}");
        assert_eq!(table.counters().unwrap().documents, 2);
    }
}
