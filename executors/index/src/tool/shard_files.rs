//! Finds and opens the files of shards for the commands of `flowrun index`, which run outside a flow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ToolError;
use crate::storage::{
    DirectoryLock, Fsync, Layout, Manifest, StorageError, Table, VectorFile, open_with_journal_recovery,
    recover_unsynced_rows,
};

/// Largest number of directory levels below the given path at which shards are found: those of workspace, pod and shard, and
/// one more for a directory of workspaces.
const DEPTH_MAX: usize = 4;
/// Extension of the directory of a copy that is not complete yet.
pub(super) const UNFINISHED: &str = "unfinished";

/// The open files of a shard.
pub(super) struct ShardFiles {
    pub(super) layout: Layout,
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    /// The vectors, open for reading; `None` for a shard without rows, or without a dimension.
    pub(super) vectors: Option<VectorFile>,
    /// Held while the shard may be changed; `None` if it is only read.
    pub(super) lock: Option<DirectoryLock>,
}

impl ShardFiles {
    /// Opens a shard read-only, from a checkpoint of its current state. A flow may have the shard open; if it replaces the
    /// files meanwhile, they are opened again.
    ///
    /// # Errors
    /// When there is no index, or a file of it is missing or damaged.
    pub(super) fn open_read_only(directory: &Path) -> Result<Self, ToolError> {
        let layout = Layout::new(directory);
        layout.check_manifest_exists()?;
        let open = |manifest: &Manifest| {
            let documents = existing_documents(&layout, manifest)?;
            Self::new(&layout, manifest, Table::open_checkpoint(&documents, &layout.checkpoints())?, None)
        };
        Ok(Manifest::run_on_current(&layout, open)?)
    }

    /// Opens a shard to change it, after recovering it if it was not closed in an orderly way.
    ///
    /// # Errors
    /// When a flow or another command has the shard open, there is no index, or it cannot be opened.
    pub(super) fn open_exclusive(directory: &Path) -> Result<Self, ToolError> {
        let layout = Layout::new(directory);
        let lock = DirectoryLock::acquire(&layout)?;
        let manifest =
            Manifest::read(&layout)?.ok_or_else(|| StorageError::NoIndex(layout.directory().to_owned()))?;
        let documents = existing_documents(&layout, &manifest)?;
        let table = open_with_journal_recovery(&documents, &layout.checkpoints(), Fsync::Always)?;
        recover_unsynced_rows(&table, &layout, &manifest)?;
        Ok(Self::new(&layout, &manifest, table, Some(lock))?)
    }

    fn new(
        layout: &Layout,
        manifest: &Manifest,
        table: Table,
        lock: Option<DirectoryLock>,
    ) -> Result<Self, StorageError> {
        let rows = table.counters()?.rows;
        let vectors = match manifest.dimension {
            Some(dimension) if rows > 0 => {
                let path = layout.vectors(manifest.generation);
                Some(VectorFile::open_read_only(&path, dimension, manifest.elements(), rows)?)
            }
            _ => None,
        };
        Ok(Self { layout: layout.clone(), manifest: manifest.clone(), table, vectors, lock })
    }
}

/// Directory of the documents of the current generation, which is the set of files that the manifest names.
///
/// # Errors
/// When it does not exist; opening the key-value store would create it.
fn existing_documents(layout: &Layout, manifest: &Manifest) -> Result<PathBuf, StorageError> {
    let documents = layout.documents(manifest.generation);
    if documents.exists() { Ok(documents) } else { Err(StorageError::damaged(&documents, "it is missing")) }
}

/// Directories of the shards at or below a path, sorted by path. Directories that cannot be read are skipped.
///
/// # Errors
/// When there are none.
pub(super) fn shards(path: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let mut found = Vec::new();
    collect_shards(path, DEPTH_MAX, &mut found);
    found.sort();
    if found.is_empty() {
        let reason = format_args!(
            "there is no index in {}: name the directory of a pod or of a shard",
            path.display()
        );
        return Err(ToolError::new(reason));
    }
    Ok(found)
}

/// Directories of all shards of the indexes at or below a path, sorted by path. A path that names one shard stands for it
/// alone.
///
/// # Errors
/// When there are none, or one beside a found one is missing: without it, the result would be a part of the index.
pub(super) fn complete_shards(path: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let found = shards(path)?;
    match missing_shards(path, &found).into_iter().next() {
        Some((_, reason)) => Err(ToolError::new(reason)),
        None => Ok(found),
    }
}

/// Shards that are missing below `path`, sorted, each with a message. The number of shards is taken from the manifests of
/// the found shards, as far as they can be read; a shard at `path` itself says nothing about others.
pub(super) fn missing_shards(path: &Path, found: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let mut missing = BTreeMap::new();
    for shard in found.iter().filter(|shard| *shard != path) {
        let Ok(Some(manifest)) = Manifest::read(&Layout::new(shard)) else { continue };
        let (number, count) = manifest.shard_position();
        let (Some(pod), true) = (shard.parent(), shard.ends_with(number.to_string())) else { continue };
        for sibling in (0..count).map(|number| pod.join(number.to_string())) {
            if !found.contains(&sibling) {
                let reason = format!(
                    "{} is missing: the index has {count} shards; restore a snapshot, or remove {} and index again",
                    sibling.display(),
                    pod.display()
                );
                missing.insert(sibling, reason);
            }
        }
    }
    missing.into_iter().collect()
}

fn collect_shards(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let layout = Layout::new(directory);
    // A shard without its manifest is damaged; it is found so that it is reported.
    if layout.manifest().exists() || layout.has_generations().unwrap_or(false) {
        found.push(directory.to_owned());
        return;
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if depth > 0 && path.is_dir() && !is_skipped(&path) {
            collect_shards(&path, depth - 1, found);
        }
    }
}

/// True if a directory is hidden, or an unfinished copy.
fn is_skipped(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || name.ends_with(&format!(".{UNFINISHED}"))
}
