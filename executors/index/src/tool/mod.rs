//! What can be done with an index without a flow: look into it, check it, copy it, make it smaller, fill it from files and
//! write it out to files.
//!
//! A path is that of one shard, or of a directory with shards somewhere beneath it. A flow that has a shard open is never
//! disturbed: what only reads reads the shard as it was at one moment, and what changes it is refused.

mod check;
mod copy;
mod export;
mod import;
mod npy;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use flowrun_sdk::Document;
use serde_json::{Value, json};

pub use import::ImportOptions;

use crate::storage::{
    DirectoryLock, Fsync, Layout, Manifest, StorageError, Table, VectorFile, open_with_journal_recovery,
    recover_unsynced_rows,
};

/// How deep shards are looked for: a workspace, a pod, a shard.
const DEPTH_MAX: usize = 4;

/// Why something could not be done with an index.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ToolError(String);

impl ToolError {
    fn new(reason: impl Display) -> Self {
        Self(reason.to_string())
    }
}

impl From<StorageError> for ToolError {
    fn from(error: StorageError) -> Self {
        Self::new(error)
    }
}

/// A shard that is worked on.
struct Opened {
    layout: Layout,
    manifest: Manifest,
    table: Table,
    vectors: Option<VectorFile>,
    _lock: Option<DirectoryLock>,
}

impl Opened {
    /// Opens a shard as it is at this moment, beside a flow that may have it open.
    fn beside(directory: &Path) -> Result<Self, ToolError> {
        let layout = Layout::new(directory);
        let open = |manifest: &Manifest| {
            let documents = existing_documents(&layout, manifest)?;
            Self::new(&layout, manifest, Table::open_checkpoint(&documents, &layout.checkpoints())?, None)
        };
        Ok(Manifest::run_on_current(&layout, open)?)
    }

    /// Opens a shard that no flow has open, to change it.
    fn alone(directory: &Path) -> Result<Self, ToolError> {
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
        Ok(Self { layout: layout.clone(), manifest: manifest.clone(), table, vectors, _lock: lock })
    }
}

/// Where the documents are.
///
/// # Errors
/// When they are not there.
fn existing_documents(layout: &Layout, manifest: &Manifest) -> Result<PathBuf, StorageError> {
    let documents = layout.documents(manifest.generation);
    if documents.exists() { Ok(documents) } else { Err(StorageError::damaged(&documents, "it is missing")) }
}

/// The shards at a path or beneath it, in order.
///
/// # Errors
/// When there are none.
fn shards(path: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let mut found = Vec::new();
    look_for_shards(path, DEPTH_MAX, &mut found);
    found.sort();
    if found.is_empty() {
        let reason =
            format_args!("there is no index in {}: name the workspace of a pod or a shard", path.display());
        return Err(ToolError::new(reason));
    }
    Ok(found)
}

/// Whether a directory is hidden, or a copy that was never finished.
fn is_passed_over(directory: &Path) -> bool {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with('.') || name.ends_with(&format!(".{}", copy::UNFINISHED))
}

fn look_for_shards(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if Layout::new(directory).manifest().exists() {
        found.push(directory.to_owned());
        return;
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if depth > 0 && path.is_dir() && !is_passed_over(&path) {
            look_for_shards(&path, depth - 1, found);
        }
    }
}

/// What is in an index: for each shard its settings, how much it holds and what its files take.
///
/// # Errors
/// When there is none, or it is damaged.
pub fn inspect(path: &Path) -> Result<Value, ToolError> {
    let mut described = Vec::new();
    for directory in shards(path)? {
        let opened = Opened::beside(&directory)?;
        let counters = opened.table.counters()?;
        let dead = opened.table.tombstones()?.len();
        let derived = opened.layout.faiss_index(opened.manifest.generation);
        described.push(json!({
            "directory": directory.display().to_string(),
            "settings": opened.manifest,
            "documents": counters.documents,
            "rows": counters.rows,
            "dead_rows": dead,
            "bytes": opened.layout.bytes()?,
            "faiss_bytes": std::fs::metadata(derived).map_or(0, |metadata| metadata.len()),
        }));
    }
    Ok(Value::Array(described))
}

/// Reads everything and compares every checksum; what is wrong, by the shard's directory.
///
/// # Errors
/// When there is no index.
pub fn verify(path: &Path) -> Result<Vec<(PathBuf, Vec<String>)>, ToolError> {
    let verify = |directory: PathBuf| {
        let problems = check::problems(&directory);
        (directory, problems)
    };
    Ok(shards(path)?.into_iter().map(verify).collect())
}

/// Leaves behind the room of documents that were replaced or removed; how many rows that were.
///
/// # Errors
/// When something cannot be read or written; then everything stays as it was.
pub fn compact(path: &Path) -> Result<u64, ToolError> {
    let mut left_behind = 0;
    for directory in shards(path)? {
        left_behind += copy::compact(&directory)?;
    }
    Ok(left_behind)
}

/// Copies what lives in an index into a directory that does not exist yet, or holds nothing; how many documents that are.
/// Restoring is the same the other way round.
///
/// # Errors
/// When something cannot be read or written, or there is something already; what was begun is removed.
pub fn copy(from: &Path, to: &Path) -> Result<u64, ToolError> {
    copy::copy(from, to)
}

/// Writes the documents of an index to a file: `.jsonl` for whole documents, `.npy` or `.fvecs` for the vectors, with the
/// ids beside them, a line each. How many there are.
///
/// # Errors
/// When something cannot be read or written, or the file is of another kind.
pub fn export(path: &Path, file: &Path) -> Result<u64, ToolError> {
    export::export(path, file)
}

/// Hands over each document of an index with its vector, to whoever writes them to a file of another kind. How many there
/// are.
///
/// # Errors
/// When something cannot be read, or `accept` refuses it.
pub fn export_to<E: Display>(
    path: &Path,
    accept: impl FnMut(Document, &[f32]) -> Result<(), E>,
) -> Result<u64, ToolError> {
    export::each(path, accept)
}

/// Fills an index, a new one or one that is there, from a file: `.jsonl` with a document a line, `.npy` or `.fvecs` with
/// a vector a row. How many documents there were.
///
/// # Errors
/// When something cannot be read or stored. What was stored until then stays.
pub fn import(path: &Path, file: &Path, options: &ImportOptions) -> Result<u64, ToolError> {
    import::import(path, file, options)
}

/// Fills an index as [`import`] does, with documents that `read` hands over one after the other, from a file of another
/// kind. Those without an id get one as vectors without do. How many there were.
///
/// # Errors
/// When something cannot be read or stored. What was stored until then stays.
pub fn import_from<E: From<ToolError>>(
    path: &Path,
    file: &Path,
    options: &ImportOptions,
    read: impl FnOnce(&mut dyn FnMut(Document) -> Result<(), ToolError>) -> Result<(), E>,
) -> Result<u64, E> {
    import::import_from(path, file, options, read)
}
