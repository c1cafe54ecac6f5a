//! Saving the FAISS index to its file, loading it, and evicting it from memory.
//!
//! The index is derived data: a failure to save it costs time at the next start, never an answer.

use std::io::ErrorKind;

use flowrun_sdk::tracing;

use super::served_index::ServedIndex;
use super::vector_index::VectorIndex;
use crate::ann::AnnIndex;
use crate::storage::StorageError;

/// Largest number of missing rows that are added synchronously when the index is opened or closed: a few seconds.
const SYNC_CATCH_UP_ROWS_MAX: u64 = 10_000;

impl VectorIndex {
    /// Removes an index file that cannot be used, unless the shard is read-only. If it were kept, it might pass for valid once
    /// there are more rows.
    pub(super) fn remove_unusable_file(&self) -> Result<(), StorageError> {
        tracing::warn!(
            path = %self.index_path.display(),
            "the index file is damaged, was built with other settings or covers uncommitted rows; the index is rebuilt"
        );
        if self.is_read_only {
            return Ok(());
        }
        match std::fs::remove_file(&self.index_path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StorageError::io("remove", &self.index_path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Loads the index into memory if it is evicted, and adds missing rows if that takes at most a few seconds.
    pub(in crate::shard) fn load(&self) -> Result<(), StorageError> {
        if self.is_evicted() {
            let (is_exact, loaded) = {
                let index = &self.served.read().index;
                let is_exact = index.index_type().is_exact();
                (is_exact, if is_exact { None } else { index.load(&self.index_path, self.rows_max()) })
            };
            if loaded.is_none() && !is_exact {
                self.remove_unusable_file()?;
            }
            let _build = self.build.lock();
            let mut served = self.served.write();
            match loaded {
                Some(loaded) => *served = ServedIndex::new(loaded),
                None => served.index.reset(),
            }
        }
        self.catch_up_after_opening()
    }

    /// Saves the index and releases its memory. Returns false if it stays in memory because it could not be saved or FAISS
    /// failed, or, in a read-only shard, because the writer has not saved it. The caller ensures that no search uses it
    /// meanwhile.
    pub(in crate::shard) fn evict(&self) -> bool {
        self.save();
        let _build = self.build.lock();
        // An untrained index takes no memory.
        if !self.is_trained() || self.is_evicted() {
            return true;
        }
        let rows_on_disk = {
            let index = &self.served.read().index;
            if index.has_unsaved_rows() { self.rows_saved_by_writer(index) } else { Some(index.rows()) }
        };
        rows_on_disk.is_some_and(|rows| self.release_memory(rows))
    }

    /// Number of rows that the index file of the writing process covers, for a read-only shard; later rows are added again
    /// after loading. `None` for a shard that may be written, and without a usable file.
    fn rows_saved_by_writer(&self, index: &AnnIndex) -> Option<u64> {
        let (kind, dimension) = (index.index_type(), self.file.dimension());
        let saved = self.is_read_only.then(|| {
            let path = &self.index_path;
            AnnIndex::open_evicted(path, kind, dimension, self.distance_bound, self.tuning, self.rows_max())
        });
        saved.flatten().map(|saved| saved.rows())
    }

    /// Evicts an exact index, which has no file and is filled from the vectors when it is loaded.
    pub(super) fn evict_exact_index(&self) {
        let rows = {
            let index = &self.served.read().index;
            index.index_type().is_exact().then(|| self.rows_to_cover(index))
        };
        if let Some(rows) = rows {
            self.release_memory(rows);
        }
    }

    /// Drops the index from memory, see [`AnnIndex::evict`]. Returns whether that succeeded; a failure is logged.
    fn release_memory(&self, rows: u64) -> bool {
        let mut served = self.served.write();
        if let Err(error) = served.index.evict(rows) {
            let path = self.index_path.display();
            tracing::warn!(%path, %error, "the index could not be evicted and stays in memory");
            return false;
        }
        (served.norm_max, served.grouped) = (0.0, None);
        true
    }

    /// Returns whether the index is not in memory.
    pub(in crate::shard) fn is_evicted(&self) -> bool {
        self.served.read().index.is_evicted()
    }

    /// Adds missing rows if that takes seconds at most, and fills an exact index, which has no file.
    fn catch_up_after_opening(&self) -> Result<(), StorageError> {
        let is_exact = self.served.read().index.index_type().is_exact();
        if is_exact || self.missing_rows() <= SYNC_CATCH_UP_ROWS_MAX {
            self.build_if_small()?;
            self.catch_up()?;
            self.save();
        }
        Ok(())
    }

    /// Adds missing rows, if they are few, and saves the index, so that the next start has little to do. Failures are logged.
    /// Has no effect on a read-only shard.
    pub(in crate::shard) fn finish(&self) {
        if self.is_read_only {
            return;
        }
        if self.missing_rows() <= SYNC_CATCH_UP_ROWS_MAX
            && let Err(error) = self.catch_up()
        {
            let path = self.index_path.display();
            tracing::warn!(%path, %error, "missing rows could not be added to the index; the next start adds them");
        }
        self.save();
    }

    /// Saves the index if its file lacks rows. Failures are logged.
    pub(super) fn save(&self) {
        // No rows are added meanwhile: a thread waiting to write would block new searches.
        let _build = self.build.lock();
        let served = self.served.read();
        if self.is_read_only || !served.index.has_unsaved_rows() {
            return;
        }
        match served.index.save(&self.index_path) {
            Ok(saved) => {
                drop(served);
                self.served.write().index.mark_saved(saved);
            }
            Err(error) => {
                tracing::warn!(%error, "the index could not be saved; the next start adds the unsaved rows again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use crate::ann::IndexChoice;
    use crate::shard::OpenShard;
    use crate::shard::tests::{change, settings};
    use crate::storage::Fsync;

    #[test]
    fn an_index_that_faiss_fails_to_evict_counts_as_in_memory() {
        for index in ["Flat", "SQfp16"] {
            let directory = tempfile::tempdir().unwrap();
            let settings = settings(IndexChoice::new(index), Fsync::Never);
            let shard = OpenShard::open(&Context::standalone(directory.path()), settings).unwrap();
            shard.apply(change("a")).unwrap();
            shard.wait_until_indexed(&|| Ok(())).unwrap();
            let vectors = shard.vectors().unwrap();
            let norm_max = vectors.served.read().norm_max;
            vectors.served.write().index.reject_eviction();
            assert!(!vectors.evict(), "{index}");
            assert!(!vectors.is_evicted(), "{index}");
            // The error bounds of an exact index depend on it.
            assert_eq!(vectors.served.read().norm_max.to_bits(), norm_max.to_bits(), "{index}");
        }
    }
}
