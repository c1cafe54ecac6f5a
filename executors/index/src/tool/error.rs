//! The error of operations on an index.

use std::fmt::Display;

use crate::storage::StorageError;

/// An operation on an index failed; the text names the file or directory and the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    pub(super) fn new(reason: impl Display) -> Self {
        Self(reason.to_string())
    }
}

impl From<StorageError> for ToolError {
    fn from(error: StorageError) -> Self {
        Self::new(error)
    }
}
