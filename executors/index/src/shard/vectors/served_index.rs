//! The FAISS index that answers searches.

use crate::ann::{AnnError, AnnIndex, CentroidGroups, StagedRows};

/// The index that answers searches.
#[derive(Debug)]
pub(in crate::shard) struct ServedIndex {
    pub(in crate::shard) index: AnnIndex,
    /// Norm of the longest vector added since the index was opened. Only the error bounds of an exact index need it, and all
    /// vectors are added to an exact index when it is opened.
    pub(in crate::shard) norm_max: f64,
    /// Accelerates the assignment of rows to inverted lists while many rows are added.
    pub(super) grouped: Option<CentroidGroups>,
}

impl ServedIndex {
    pub(super) fn new(index: AnnIndex) -> Self {
        Self { index, norm_max: 0.0, grouped: None }
    }

    /// Assigns the next rows to inverted lists without changing the index, so that searches continue; `None` for an index
    /// type that can only be changed as a whole.
    pub(super) fn stage(&self, vectors: &[f32]) -> Result<Option<StagedRows>, AnnError> {
        self.index.stage(self.grouped.as_ref(), vectors)
    }
}
