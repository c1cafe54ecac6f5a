//! Operations on an index without a flow: inspect, verify, copy, compact, import, export. The command `flowrun index` calls
//! them.
//!
//! A path is that of one shard, or of a directory with shards below it. Reading operations see a snapshot of each shard and
//! can run while a flow has it open; operations that change a shard are rejected then.

mod copy;
mod error;
mod export;
mod import;
mod output_file;
mod shard_files;
mod vector_files;
mod verify;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use flowrun_sdk::Document;
use serde_json::{Value, json};

pub use error::ToolError;
pub use import::ImportOptions;

use shard_files::{ShardFiles, missing_shards, shards};

/// Describes an index: for each shard its settings, the number of documents, rows and tombstones, and the bytes of its files.
///
/// # Errors
/// When there is no index, or it is damaged.
pub fn inspect(path: &Path) -> Result<Value, ToolError> {
    let mut descriptions = Vec::new();
    for directory in shards(path)? {
        let files = ShardFiles::open_read_only(&directory)?;
        let counters = files.table.counters()?;
        let tombstones = files.table.tombstones()?.len();
        let faiss_index = files.layout.faiss_index(files.manifest.generation);
        descriptions.push(json!({
            "directory": directory.display().to_string(),
            "settings": files.manifest,
            "documents": counters.documents,
            "rows": counters.rows,
            "dead_rows": tombstones,
            "bytes": files.layout.bytes()?,
            "faiss_bytes": std::fs::metadata(faiss_index).map_or(0, |metadata| metadata.len()),
        }));
    }
    Ok(Value::Array(descriptions))
}

/// Reads all data and compares all checksums. Returns each shard's directory with its problems, none for an intact shard;
/// shards that are missing are listed too.
///
/// # Errors
/// When there is no index.
pub fn verify(path: &Path) -> Result<Vec<(PathBuf, Vec<String>)>, ToolError> {
    let verify = |directory: PathBuf| {
        let problems = verify::problems(&directory);
        (directory, problems)
    };
    let shards = shards(path)?;
    let missing = missing_shards(path, &shards).into_iter().map(|(shard, reason)| (shard, vec![reason]));
    Ok(shards.into_iter().map(verify).chain(missing).collect())
}

/// Reclaims the disk space of replaced and deleted documents in each shard. Returns the number of removed tombstones.
///
/// # Errors
/// When a shard is open in a flow, or a file cannot be read or written; that shard is unchanged, and later ones are not
/// compacted.
pub fn compact(path: &Path) -> Result<u64, ToolError> {
    let mut removed = 0;
    for directory in shards(path)? {
        removed += copy::compact(&directory)?;
    }
    Ok(removed)
}

/// Copies the live documents of an index into a directory that does not exist yet or is empty, as a backup or to restore
/// one. Returns the number of documents.
///
/// # Errors
/// When a shard is missing, a file cannot be read or written, or the target is not empty; a partial copy is removed.
pub fn copy(from: &Path, to: &Path) -> Result<u64, ToolError> {
    copy::copy(from, to)
}

/// Writes the documents of an index to a file: `.jsonl` for whole documents, `.npy` or `.fvecs` for vectors, with their ids
/// in `FILE.ids`, one per line as a JSON string. Returns the number of documents.
///
/// # Errors
/// When a shard is missing, or a file cannot be read or written or has another extension.
pub fn export(path: &Path, file: &Path) -> Result<u64, ToolError> {
    export::export(path, file)
}

/// Passes each document of an index and its vector to `accept`, for other file formats. Returns the number of documents.
///
/// # Errors
/// When a shard is missing, a file cannot be read, or `accept` fails.
pub fn export_to<E: Display>(
    path: &Path,
    accept: impl FnMut(Document, &[f32]) -> Result<(), E>,
) -> Result<u64, ToolError> {
    export::for_each_document(path, accept)
}

/// Imports documents into a new or existing index, from a file: `.jsonl` with one document per line, `.npy` or `.fvecs` with
/// one vector per row. Ids of vectors are those of [`ImportOptions::ids`] or of `FILE.ids`, else generated. Returns the number
/// of documents.
///
/// # Errors
/// When a file cannot be read, or a document cannot be stored. Documents stored before the error stay.
pub fn import(path: &Path, file: &Path, options: &ImportOptions) -> Result<u64, ToolError> {
    import::import(path, file, options)
}

/// Imports documents like [`import`], from a file of another format: `read` passes each document of `file` to its argument. A
/// document without an id gets the next id, like a vector in [`import`]. Returns the number of documents.
///
/// # Errors
/// When `read` fails, or a document cannot be stored. Documents stored before the error stay.
pub fn import_from<E: From<ToolError>>(
    path: &Path,
    file: &Path,
    options: &ImportOptions,
    read: impl FnOnce(&mut dyn FnMut(Document) -> Result<(), ToolError>) -> Result<(), E>,
) -> Result<u64, E> {
    import::import_from(path, file, options, read)
}
