//! Copying what lives: to another directory, or into a generation of its own.

use std::path::{Path, PathBuf};

use super::{Opened, ToolError, shards};
use crate::storage::{Layout, StorageError, copy_live_documents, make_directory, sync_directory};

/// What the name of a copy ends in that is not whole yet.
pub(super) const UNFINISHED: &str = "unfinished";

/// Copies every shard of one directory into another.
pub(super) fn copy(from: &Path, to: &Path) -> Result<u64, ToolError> {
    let is_taken = std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some());
    if is_taken {
        let reason = format_args!("{} is not empty: name a directory that does not exist yet", to.display());
        return Err(ToolError::new(reason));
    }
    let shards = shards(from)?;
    // Under another name until it is whole.
    let unfinished = beside(to, UNFINISHED)?;
    let copied = copy_shards(from, &shards, &unfinished);
    let copied = copied.inspect_err(|_| drop(std::fs::remove_dir_all(&unfinished)))?;
    if to.exists() {
        std::fs::remove_dir(to).map_err(StorageError::io("replace", to))?;
    }
    std::fs::rename(&unfinished, to).map_err(StorageError::io("make", to))?;
    sync_directory(to)?;
    Ok(copied)
}

/// A path that is like another, with an ending.
fn beside(path: &Path, ending: &str) -> Result<PathBuf, ToolError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| ToolError::new(format_args!("{} is no name", path.display())))?;
    Ok(path.with_file_name(format!("{name}.{ending}")))
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
        let opened = Opened::beside(shard)?;
        documents += copy_into(&opened, &Layout::new(&target), 1)?;
        opened.manifest.with_generation(1).with_documents().write(&Layout::new(&target))?;
        sync_directory(&target)?;
    }
    Ok(documents)
}

/// Copies what lives into a generation; nothing names it yet.
fn copy_into(opened: &Opened, to: &Layout, generation: u32) -> Result<u64, ToolError> {
    match &opened.vectors {
        Some(vectors) => drop(copy_live_documents(to, &opened.table, vectors, generation)?),
        None => drop(opened.table.copy_without_vectors(&to.documents(generation))?),
    }
    Ok(opened.table.counters()?.documents)
}

/// Leaves dead rows behind; how many.
pub(super) fn compact(directory: &Path) -> Result<u64, ToolError> {
    let opened = Opened::alone(directory)?;
    let dead = opened.table.tombstones()?.len() as u64;
    if dead == 0 {
        return Ok(0);
    }
    let next = opened.manifest.generation + 1;
    opened.layout.remove_other_generations(opened.manifest.generation)?;
    let copied = copy_into(&opened, &opened.layout, next);
    if let Err(error) = copied {
        opened.layout.remove_other_generations(opened.manifest.generation)?;
        return Err(error);
    }
    opened.manifest.with_generation(next).write(&opened.layout)?;
    let Opened { layout, table, vectors, _lock, .. } = opened;
    drop((table, vectors));
    layout.remove_other_generations(next)?;
    Ok(dead)
}
