//! Backups of a shard: `backups/NAME` in its directory holds a copy of the live documents, laid out like a shard.
//!
//! A backup is complete or absent: it is written under a temporary name and renamed once it is on disk. Restoring
//! copies it into a new generation, which becomes the current one as after clearing; the backup stays. Searches
//! continue meanwhile; writes continue while a backup is written, and wait while one is restored.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::ExecutorError;

use super::maintenance_lock::Maintenance;
use crate::shard::shard_core::Shard;
use crate::shard::state::GenerationState;
use crate::storage::{
    Layout, Manifest, StorageError, Table, VectorFile, copy_live_documents, make_directory, sync_directory,
};

/// Largest number of backups per shard: each may be as large as the shard, and any client that may write can request
/// one.
const BACKUPS_MAX: usize = 16;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a backup, safe as part of a path.
#[derive(Clone, Debug)]
pub(crate) struct BackupName {
    /// The request parameter with the name.
    parameter: &'static str,
    name: String,
}

impl BackupName {
    /// Checks the name in the request parameter `parameter`.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Parameter`] when it is empty or too long, or has characters other than letters, digits, `-`
    /// and `_`.
    pub(crate) fn new(parameter: &'static str, name: String) -> Result<Self, ExecutorError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_safe) {
            return Ok(Self { parameter, name });
        }
        let reason = format_args!(
            "must be a name of 1 to {NAME_BYTES_MAX} letters, digits, `-` or `_`; backups are stored in the workspace"
        );
        Err(ExecutorError::parameter(parameter, reason))
    }

    fn parameter_error(&self, reason: impl std::fmt::Display) -> ExecutorError {
        ExecutorError::parameter(self.parameter, reason)
    }
}

/// The directory of the backups of a shard.
struct Backups(PathBuf);

impl Backups {
    fn of_shard(layout: &Layout) -> Self {
        Self(layout.directory().join("backups"))
    }

    fn path(&self, name: &BackupName) -> PathBuf {
        self.0.join(&name.name)
    }

    /// Path of the previous backup while another replaces it. Names contain no dot.
    fn previous(&self, name: &BackupName) -> PathBuf {
        self.0.join(format!("{}.old", name.name))
    }

    fn unfinished(&self, name: &BackupName) -> PathBuf {
        self.0.join(format!("{}.new", name.name))
    }

    /// Repairs an interrupted replacement: removes an unfinished backup, and restores the previous one if its name is
    /// free.
    fn repair(&self, name: &BackupName) -> Result<(), StorageError> {
        remove(&self.unfinished(name))?;
        let (path, previous) = (self.path(name), self.previous(name));
        if path.exists() {
            remove(&previous)
        } else if previous.exists() {
            rename(&previous, &path)
        } else {
            Ok(())
        }
    }

    /// Names of the backups, sorted.
    fn names(&self) -> Result<Vec<String>, StorageError> {
        if !self.0.exists() {
            return Ok(Vec::new());
        }
        let failed = |error| StorageError::io("list", &self.0)(error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().into_string().ok();
            names.extend(name.filter(|name| !name.contains('.')));
        }
        names.sort();
        Ok(names)
    }
}

fn remove(directory: &Path) -> Result<(), StorageError> {
    if !directory.exists() {
        return Ok(());
    }
    fs::remove_dir_all(directory).map_err(StorageError::io("remove", directory))
}

fn rename(from: &Path, to: &Path) -> Result<(), StorageError> {
    fs::rename(from, to).map_err(StorageError::io("replace", to))?;
    sync_directory(to)
}

impl Shard {
    /// Writes a backup, replacing one of the same name; returns its number of documents.
    ///
    /// # Errors
    /// When it cannot be written, there are too many, or no vector was ever stored.
    pub(crate) fn back_up(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        self.maintenance().back_up(name)
    }

    /// Replaces all stored documents by those of a backup; returns their number.
    ///
    /// # Errors
    /// When the backup does not exist, is damaged, belongs to another kind of index or cannot be copied; the shard is
    /// unchanged then.
    pub(in crate::shard) fn restore(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        self.urgent_maintenance().restore(name)
    }
}

impl Maintenance<'_> {
    fn back_up(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let backups = Backups::of_shard(&self.shard.layout);
        backups.repair(name)?;
        let names = backups.names()?;
        if !names.contains(&name.name) && names.len() >= BACKUPS_MAX {
            let reason = format_args!(
                "there are {} backups already, as many as are allowed: overwrite one of them ({})",
                names.len(),
                names.join(", ")
            );
            return Err(name.parameter_error(reason));
        }
        let unfinished = backups.unfinished(name);
        make_directory(&unfinished)?;
        let written = self.write_backup(&Layout::new(&unfinished));
        let documents = written.inspect_err(|_| drop(remove(&unfinished)))?;
        if backups.path(name).exists() {
            rename(&backups.path(name), &backups.previous(name))?;
        }
        rename(&unfinished, &backups.path(name))?;
        remove(&backups.previous(name))?;
        Ok(documents)
    }

    /// Writes the live documents.
    fn write_backup(&self, copy: &Layout) -> Result<u64, ExecutorError> {
        self.shard.use_threads();
        let state = self.shard.state();
        let vectors = state.vectors.as_ref();
        let vectors =
            vectors.ok_or_else(|| ExecutorError::resource("this shard has no vectors to back up"))?;
        let manifest = state.manifest.with_generation(1).with_documents();
        let view = state.view();
        copy_live_documents(copy, &view.table, &vectors.file, manifest.generation)?;
        manifest.write(copy)?;
        Ok(view.counters.documents)
    }

    fn restore(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let backups = Backups::of_shard(&self.shard.layout);
        backups.repair(name)?;
        let source = Layout::new(backups.path(name));
        if !source.directory().exists() {
            let names = backups.names()?;
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(
                name.parameter_error(format_args!("there is no backup `{}`; there are: {names}", name.name))
            );
        }
        let writer = self.shard.writer();
        let current = self.shard.replaceable_generation()?;
        self.shard.layout.remove_other_generations(current)?;
        let restored =
            self.copy_backup(&source, current + 1).and_then(|restored| self.shard.with_tag_stats(restored));
        let restored = restored.inspect_err(|_| drop(self.shard.layout.remove_other_generations(current)))?;
        let documents = restored.view().counters.documents;
        // As in `clear`: if the manifest cannot be written, further writes are rejected.
        writer.switch_generation(restored)?;
        Ok(documents)
    }

    /// Copies a backup into a generation that no manifest names yet.
    fn copy_backup(&self, source: &Layout, generation: u32) -> Result<GenerationState, StorageError> {
        let damaged = |reason: &str| StorageError::damaged(&source.manifest(), reason);
        let manifest = Manifest::read(source)?.ok_or_else(|| damaged("it is missing"))?;
        manifest.check(source, &self.shard.settings.schema)?;
        let dimension = manifest.dimension.ok_or_else(|| damaged("it states no dimension"))?;
        let documents = source.documents(manifest.generation);
        if !documents.exists() {
            return Err(StorageError::damaged(&documents, "it is missing"));
        }
        let table = Table::open_checkpoint(&documents, &source.checkpoints())?;
        let vectors = VectorFile::open_read_only(
            &source.vectors(manifest.generation),
            dimension,
            manifest.elements(),
            table.counters()?.rows,
        )?;
        copy_live_documents(&self.shard.layout, &table, &vectors, generation)?;
        let manifest = manifest.updated_from(&self.shard.settings.schema).with_generation(generation);
        GenerationState::open(&self.shard.layout, manifest, &self.shard.settings)
    }
}
