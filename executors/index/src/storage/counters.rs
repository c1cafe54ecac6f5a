//! Counters of a table.

/// Numbers of rows and documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Committed rows of the vector file, including rows with tombstones.
    pub(crate) rows: u64,
    /// Stored documents.
    pub(crate) documents: u64,
}
