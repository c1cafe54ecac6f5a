//! Copies live documents, to another directory or into a new generation of the same shard (compaction).

use std::path::{Path, PathBuf};

use super::error::ToolError;
use super::shard_files::{ShardFiles, UNFINISHED, complete_shards};
use crate::storage::{Layout, StorageError, copy_live_documents, make_directory, sync_directory};

/// Copies every shard at or below one directory into another. Returns the number of documents.
pub(super) fn copy(from: &Path, to: &Path) -> Result<u64, ToolError> {
    let is_taken = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        let reason = format_args!("{} is not empty: name a directory that does not exist yet", to.display());
        return Err(ToolError::new(reason));
    }
    let shards = complete_shards(from)?;
    // Written under another name and renamed when it is complete.
    let unfinished = with_suffix(to, UNFINISHED)?;
    let copied = copy_shards(from, &shards, &unfinished);
    let copied = copied.inspect_err(|_| drop(std::fs::remove_dir_all(&unfinished)))?;
    if to.exists() {
        std::fs::remove_dir(to).map_err(StorageError::io("replace", to))?;
    }
    std::fs::rename(&unfinished, to).map_err(StorageError::io("create", to))?;
    sync_directory(to)?;
    Ok(copied)
}

/// The path with `.SUFFIX` appended to its name.
fn with_suffix(path: &Path, suffix: &str) -> Result<PathBuf, ToolError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| ToolError::new(format_args!("{} has no file name", path.display())))?;
    Ok(path.with_file_name(format!("{name}.{suffix}")))
}

fn copy_shards(from: &Path, shards: &[PathBuf], to: &Path) -> Result<u64, ToolError> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(StorageError::io("remove", to))?;
    }
    let mut documents = 0;
    for shard in shards {
        let relative = shard.strip_prefix(from).unwrap_or(Path::new(""));
        let target = to.join(relative);
        make_directory(&target)?;
        let files = ShardFiles::open_read_only(shard)?;
        documents += copy_into(&files, &Layout::new(&target), 1)?;
        files.manifest.with_generation(1).with_documents().write(&Layout::new(&target))?;
        sync_directory(&target)?;
    }
    Ok(documents)
}

/// Copies live documents into a generation that no manifest names yet. Returns their number.
fn copy_into(files: &ShardFiles, to: &Layout, generation: u32) -> Result<u64, ToolError> {
    match &files.vectors {
        Some(vectors) => copy_live_documents(to, &files.table, vectors, generation)?,
        None => files.table.copy_without_vectors(&to.documents(generation))?,
    }
    Ok(files.table.counters()?.documents)
}

/// Compacts a shard into its next generation. Returns the number of removed tombstones.
pub(super) fn compact(directory: &Path) -> Result<u64, ToolError> {
    let files = ShardFiles::open_exclusive(directory)?;
    let dead = files.table.tombstones()?.len() as u64;
    if dead == 0 {
        files.table.close()?;
        return Ok(0);
    }
    let next = files.manifest.generation + 1;
    files.layout.remove_other_generations(files.manifest.generation)?;
    let copied = copy_into(&files, &files.layout, next);
    if let Err(error) = copied {
        files.layout.remove_other_generations(files.manifest.generation)?;
        return Err(error);
    }
    files.manifest.with_generation(next).write(&files.layout)?;
    // The old generation is closed before it is removed; the lock is held until then.
    let ShardFiles { layout, table, vectors, lock: _lock, .. } = files;
    drop((table, vectors));
    layout.remove_other_generations(next)?;
    Ok(dead)
}
