//! Adding committed rows to the served index.
//!
//! Committed rows never change, hence they are read without any lock. Rows that FAISS rejects are compared one by one in
//! searches.

use std::ops::Range;

use flowrun_sdk::tracing;

use super::served_index::ServedIndex;
use super::vector_index::VectorIndex;
use crate::ann::{AnnError, AnnIndex, CentroidGroups, IndexType, push_faiss_vector};
use crate::metric::norm;
use crate::storage::StorageError;

/// Bytes of vectors per call of FAISS.
const BLOCK_BYTES: usize = 8 << 20;
/// Rows added to a graph under one write lock, for which searches wait some milliseconds.
const ROWS_PER_TURN: usize = 8;

impl VectorIndex {
    /// Index work of the writer after a commit: short, unless the index lacks more than `missing_max` rows, which would make
    /// searches slow.
    pub(in crate::shard) fn update(&self, missing_max: u64) -> Result<(), StorageError> {
        self.build_if_small()?;
        if self.served.read().index.index_type().is_exact() || self.missing_rows() > missing_max {
            self.catch_up()?;
        }
        Ok(())
    }

    /// Adds all committed rows that the served index lacks.
    pub(super) fn catch_up(&self) -> Result<(), StorageError> {
        let mut build = self.build.lock();
        self.group_served();
        loop {
            let (start, rows, is_ready) = {
                let served = self.served.read();
                let rows = self.rows_to_cover(&served.index);
                let is_ready = served.index.is_trained() && !served.index.is_evicted();
                (served.index.rows(), rows, is_ready)
            };
            if !is_ready || start >= rows || build.rejects_rows || self.is_retired() {
                return Ok(());
            }
            let (block, norm_max) = self.read_native(start..rows.min(start + self.rows_per_block()))?;
            if let Err(error) = self.add(&block, norm_max) {
                let served = self.served.read();
                warn(
                    served.index.index_type(),
                    &error,
                    "rows could not be added; they are compared one by one",
                );
                build.rejects_rows = true;
            }
        }
    }

    /// Number of rows that an index is to cover.
    pub(super) fn rows_to_cover(&self, index: &AnnIndex) -> u64 {
        let rows = self.committed_rows();
        if index.index_type().is_exact() {
            rows.min(self.choice.flat_rows_max(self.file.dimension()))
        } else {
            rows
        }
    }

    fn rows_per_block(&self) -> u64 {
        (BLOCK_BYTES / (self.file.dimension() * size_of::<f32>())).max(1) as u64
    }

    /// Adds the next rows to the served index. They are assigned to lists in parallel with searches.
    fn add(&self, block: &[f32], norm_max: f64) -> Result<(), AnnError> {
        let staged = self.served.read().stage(block)?;
        if let Some(staged) = staged {
            return self.served.write().index.add_staged(&staged);
        }
        let is_exact = {
            let mut served = self.served.write();
            // Raised before the rows are added: no search may see a row that is longer than `norm_max`.
            served.norm_max = served.norm_max.max(norm_max);
            served.index.index_type().is_exact()
        };
        let elements = if is_exact { block.len() } else { ROWS_PER_TURN * self.file.dimension() };
        block.chunks(elements.max(1)).try_for_each(|rows| self.served.write().index.add(rows))
    }

    /// Adds the next block of rows to an index that is not served yet.
    pub(super) fn extend(
        &self,
        built: &mut ServedIndex,
        rows: u64,
    ) -> Result<Result<(), AnnError>, StorageError> {
        let start = built.index.rows();
        let (block, norm_max) = self.read_native(start..rows.min(start + self.rows_per_block()))?;
        built.norm_max = built.norm_max.max(norm_max);
        let staged = built.stage(&block);
        Ok(staged.and_then(|staged| match staged {
            Some(staged) => built.index.add_staged(&staged),
            None => built.index.add(&block),
        }))
    }

    /// Groups the lists of an index if that makes it faster to add all the rows that it lacks.
    pub(super) fn group(&self, index: &AnnIndex) -> Option<CentroidGroups> {
        let missing = self.rows_to_cover(index).saturating_sub(index.rows());
        // Optional: adding only takes longer without it.
        index.group_centroids(missing).unwrap_or_default()
    }

    /// Groups the lists of the served index. The caller holds the build lock, so that no thread replaces the index.
    fn group_served(&self) {
        let grouped = {
            let served = self.served.read();
            if served.grouped.is_some() {
                return;
            }
            self.group(&served.index)
        };
        if grouped.is_some() {
            self.served.write().grouped = grouped;
        }
    }

    /// Reads rows in the form that is passed to FAISS, and the norm of the longest.
    fn read_native(&self, rows: Range<u64>) -> Result<(Vec<f32>, f64), StorageError> {
        let (mut block, mut norm_max) = (Vec::new(), 0.0_f64);
        self.file.read(rows, |_, vector| {
            norm_max = norm_max.max(norm(vector));
            push_faiss_vector(self.metric, vector, &mut block);
            Ok::<_, StorageError>(())
        })?;
        Ok((block, norm_max))
    }
}

/// Logs an error of FAISS with an index of this type, and its consequence.
pub(super) fn warn(kind: &IndexType, error: &AnnError, consequence: &str) {
    tracing::warn!(index = kind.text(), %error, "{consequence}");
}
