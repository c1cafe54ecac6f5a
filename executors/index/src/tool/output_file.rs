//! A file that an export writes; errors name it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::error::ToolError;
use crate::storage::StorageError;

/// A file that is being written. It is complete and on disk once [`Self::finish`] has succeeded.
pub(super) struct OutputFile {
    path: PathBuf,
    buffer: BufWriter<File>,
}

impl OutputFile {
    /// Creates the file, or truncates an existing one.
    pub(super) fn create(path: &Path) -> Result<Self, ToolError> {
        let file = File::create(path).map_err(StorageError::io("create", path))?;
        Ok(Self { path: path.to_owned(), buffer: BufWriter::new(file) })
    }

    /// Runs `write` on the buffered file.
    pub(super) fn write(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), ToolError> {
        Ok(write(&mut self.buffer).map_err(StorageError::io("write", &self.path))?)
    }

    /// Writes the buffered bytes and syncs the file to disk.
    pub(super) fn finish(mut self) -> Result<(), ToolError> {
        self.write(|buffer| {
            buffer.flush()?;
            buffer.get_ref().sync_all()
        })
    }
}
