//! Backups of a shard, in a directory of its own: `backups/NAME` holds what lives, laid out as a shard is.
//!
//! A backup is whole or not there: it is written under another name and takes its own when it is on disk. Restoring
//! copies it into a new generation, which becomes current as an empty one does when everything is removed; the backup
//! stays. While a backup is written others read; while one is restored they wait.

use std::fs;
use std::path::{Path, PathBuf};

use flowrun_sdk::ExecutorError;

use super::Shard;
use super::state::State;
use crate::storage::{
    Layout, Manifest, StorageError, Table, VectorFile, copy_live_documents, make_directory, sync_directory,
};

/// Backups of one shard: each may be as large as the shard, and anybody who may write can ask for one.
const BACKUPS_MAX: usize = 16;
/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a backup, which is safe to be part of a path.
#[derive(Clone, Debug)]
pub(crate) struct BackupName {
    /// The request parameter that names it.
    parameter: &'static str,
    name: String,
}

impl BackupName {
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Parameter`] when the name is anything but letters, digits, `-` and `_`.
    pub(crate) fn new(parameter: &'static str, name: String) -> Result<Self, ExecutorError> {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_safe) {
            return Ok(Self { parameter, name });
        }
        let reason = format_args!(
            "must be a name of 1 to {NAME_BYTES_MAX} letters, digits, `-` or `_`; backups are beneath the workspace"
        );
        Err(ExecutorError::parameter(parameter, reason))
    }

    fn refused(&self, reason: impl std::fmt::Display) -> ExecutorError {
        ExecutorError::parameter(self.parameter, reason)
    }
}

/// Where the backups of a shard are.
struct Backups(PathBuf);

impl Backups {
    fn of(layout: &Layout) -> Self {
        Self(layout.directory().join("backups"))
    }

    fn path(&self, name: &BackupName) -> PathBuf {
        self.0.join(&name.name)
    }

    /// The one that was there before, while another takes its place. No name has a dot.
    fn earlier(&self, name: &BackupName) -> PathBuf {
        self.0.join(format!("{}.old", name.name))
    }

    fn unfinished(&self, name: &BackupName) -> PathBuf {
        self.0.join(format!("{}.new", name.name))
    }

    /// Finishes what was cut short: of a name that nothing has, the earlier backup gets it back.
    fn settle(&self, name: &BackupName) -> Result<(), StorageError> {
        remove(&self.unfinished(name))?;
        let (path, earlier) = (self.path(name), self.earlier(name));
        if path.exists() {
            remove(&earlier)
        } else if earlier.exists() {
            rename(&earlier, &path)
        } else {
            Ok(())
        }
    }

    /// The names that there are, in order.
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
    /// Writes a backup, in the place of an earlier one of its name; says how many documents it holds.
    ///
    /// # Errors
    /// When it cannot be written, there are too many, or nothing was ever stored.
    pub(crate) fn back_up(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let _alone = self.backups.lock();
        let backups = Backups::of(&self.layout);
        backups.settle(name)?;
        let names = backups.names()?;
        if !names.contains(&name.name) && names.len() >= BACKUPS_MAX {
            let reason = format_args!(
                "there are {} backups already, as many as are allowed: write one of them anew ({})",
                names.len(),
                names.join(", ")
            );
            return Err(name.refused(reason));
        }
        let unfinished = backups.unfinished(name);
        make_directory(&unfinished)?;
        let written = self.write_backup(&Layout::new(&unfinished));
        let documents = written.inspect_err(|_| drop(remove(&unfinished)))?;
        if backups.path(name).exists() {
            rename(&backups.path(name), &backups.earlier(name))?;
        }
        rename(&unfinished, &backups.path(name))?;
        remove(&backups.earlier(name))?;
        Ok(documents)
    }

    /// Writes what lives now.
    fn write_backup(&self, copy: &Layout) -> Result<u64, ExecutorError> {
        let state = self.read();
        let vectors = state.vectors.as_ref();
        let vectors = vectors.ok_or_else(|| ExecutorError::resource("nothing was ever stored here"))?;
        let manifest = state.manifest.with_generation(1).with_documents();
        let view = state.view();
        drop(copy_live_documents(copy, &view.table, &vectors.file, manifest.generation)?);
        manifest.write(copy)?;
        Ok(view.counters.documents)
    }

    /// Puts a backup in the place of everything that is stored; says how many documents it held.
    ///
    /// # Errors
    /// When there is no such backup, it is damaged or of another kind of index, or it cannot be copied; then
    /// everything stays as it was.
    pub(crate) fn restore(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let hurry = self.compacting.hurry();
        let _alone = self.backups.lock();
        drop(hurry);
        let backups = Backups::of(&self.layout);
        backups.settle(name)?;
        let source = Layout::new(backups.path(name));
        if !source.directory().exists() {
            let names = backups.names()?;
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(name.refused(format_args!("there is no backup `{}`; there are: {names}", name.name)));
        }
        let _writing = self.writing.lock();
        let current = self.unbroken_generation()?;
        self.layout.remove_other_generations(current)?;
        let restored = self.copy_backup(&source, current + 1).and_then(|restored| self.catalogued(restored));
        let restored = restored.inspect_err(|_| drop(self.layout.remove_other_generations(current)))?;
        let documents = restored.view().counters.documents;
        // As when everything is removed: from here on the new generation is the current one, or nobody knows.
        self.switch(restored)?;
        Ok(documents)
    }

    /// What a backup holds, as a generation that nobody refers to yet.
    fn copy_backup(&self, source: &Layout, generation: u32) -> Result<State, StorageError> {
        let damaged = |reason: &str| StorageError::damaged(&source.manifest(), reason);
        let manifest = Manifest::read(source)?.ok_or_else(|| damaged("it is missing"))?;
        manifest.check(source, &self.settings.schema)?;
        let dimension = manifest.dimension.ok_or_else(|| damaged("it names no dimension"))?;
        let documents = source.documents(manifest.generation);
        if !documents.exists() {
            return Err(StorageError::damaged(&documents, "it is missing"));
        }
        let table = Table::open(&documents)?;
        let vectors = VectorFile::open_read_only(
            &source.vectors(manifest.generation),
            dimension,
            manifest.elements(),
            table.counters()?.rows,
        )?;
        drop(copy_live_documents(&self.layout, &table, &vectors, generation)?);
        let manifest = manifest.renewed(&self.settings.schema).with_generation(generation);
        State::open(&self.layout, manifest, &self.settings)
    }
}
