//! Paths in a shard directory, and durable file operations.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::StorageError;

/// Unit of `st_blocks`, independent of the disk.
const BLOCK_BYTES: u64 = 512;

/// Paths of the files of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    directory: PathBuf,
}

impl Layout {
    /// The paths in the shard directory `directory`, which need not exist.
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// The directory of the shard.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file that a writing process locks.
    pub(crate) fn lock(&self) -> PathBuf {
        self.directory.join("LOCK")
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.directory.join("manifest.json")
    }

    /// Directory of the documents of a generation, a fjall database.
    pub(crate) fn documents(&self, generation: u32) -> PathBuf {
        self.directory.join(format!("documents-{generation:06}"))
    }

    /// File with the vectors of a generation.
    pub(crate) fn vectors(&self, generation: u32) -> PathBuf {
        self.directory.join(format!("vectors-{generation:06}.bin"))
    }

    /// File with the saved FAISS index of a generation.
    pub(crate) fn faiss_index(&self, generation: u32) -> PathBuf {
        self.directory.join(format!("faiss-{generation:06}.index"))
    }

    /// Directory of the checkpoints of read-only processes.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.directory.join("readers")
    }

    /// Removes the files of all generations except `current`: remains of an interrupted switch.
    pub(crate) fn remove_other_generations(&self, current: u32) -> Result<(), StorageError> {
        for (path, _) in self.generations()?.into_iter().filter(|(_, generation)| *generation != current) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(StorageError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Returns whether files of any generation exist.
    pub(crate) fn has_generations(&self) -> Result<bool, StorageError> {
        Ok(self.directory.exists() && !self.generations()?.is_empty())
    }

    /// Checks that a directory with files of a generation has a manifest, which is written before them.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the manifest is missing.
    pub(crate) fn check_manifest_exists(&self) -> Result<(), StorageError> {
        if !self.manifest().exists() && self.has_generations()? {
            return Err(StorageError::damaged(&self.manifest(), "it is missing"));
        }
        Ok(())
    }

    /// Bytes on disk of all generations, without backups.
    pub(crate) fn bytes(&self) -> Result<u64, StorageError> {
        let mut pending: Vec<PathBuf> = self.generations()?.into_iter().map(|(path, _)| path).collect();
        let mut blocks = 0;
        while let Some(path) = pending.pop() {
            // A file that was removed meanwhile uses no space.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            blocks += metadata.blocks();
            if metadata.is_dir()
                && let Ok(entries) = fs::read_dir(&path)
            {
                pending.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
            }
        }
        Ok(blocks * BLOCK_BYTES)
    }

    /// Files and directories of all generations, with their generation.
    fn generations(&self) -> Result<Vec<(PathBuf, u32)>, StorageError> {
        let failed = |error| StorageError::io("list", &self.directory)(error);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let generation = entry.file_name().to_str().and_then(generation_of);
            found.extend(generation.map(|generation| (entry.path(), generation)));
        }
        Ok(found)
    }
}

/// The generation in a file name; `None` for other files. `.new` marks an unfinished file.
fn generation_of(name: &str) -> Option<u32> {
    let (kind, rest) = name.split_once('-')?;
    let (number, extension) = rest.split_once('.').unwrap_or((rest, ""));
    let ours = [("documents", ""), ("vectors", "bin"), ("faiss", "index")];
    let known = ours.iter().any(|ours| *ours == (kind, extension) || (ours.0 == kind && extension == "new"));
    (known && number.len() == 6).then(|| number.parse().ok()).flatten()
}

/// Replaces a file atomically and durably: after a crash it has either the old bytes or the new ones. `write` creates the
/// new file at the temporary path that it is given.
pub(crate) fn replace_file(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let temporary = path.with_extension("new");
    let replaced = write(&temporary).and_then(|()| {
        let file = File::open(&temporary).map_err(StorageError::io("open", &temporary))?;
        file.sync_all().map_err(StorageError::io("write", &temporary))?;
        fs::rename(&temporary, path).map_err(StorageError::io("replace", path))
    });
    // The temporary file may be large, and the disk full.
    replaced.inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    sync_directory(path)
}

/// Writes these bytes with [`replace_file`].
pub(super) fn replace_with_bytes(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    replace_file(path, |path| {
        let written = File::create(path).and_then(|mut file| file.write_all(bytes));
        written.map_err(StorageError::io("write", path))
    })
}

/// Creates a directory and its missing ancestors, durably.
pub(crate) fn make_directory(path: &Path) -> Result<(), StorageError> {
    let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.is_dir();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    for directory in missing.into_iter().rev() {
        match fs::create_dir(directory) {
            // Another process may have created it.
            Err(error) if !directory.is_dir() => return Err(StorageError::io("create", path)(error)),
            _ => sync_directory(directory)?,
        }
    }
    Ok(())
}

/// Syncs the directory that contains `path`, so that its creation, renaming or removal is durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StorageError> {
    let directory = match path.parent() {
        // A relative path of one component.
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        parent => parent.unwrap_or(path),
    };
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(StorageError::io("write", directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_other_generations_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        fs::create_dir(layout.documents(1)).unwrap();
        fs::create_dir(layout.documents(2)).unwrap();
        let ours = [layout.vectors(1), layout.faiss_index(1), layout.faiss_index(1).with_extension("new")];
        let others =
            [layout.vectors(2), directory.path().join("vectors-1.bin"), directory.path().join("notes")];
        for path in ours.iter().chain(&others) {
            File::create(path).unwrap();
        }
        layout.remove_other_generations(2).unwrap();
        assert!(layout.has_generations().unwrap());
        assert!(!layout.documents(1).exists() && layout.documents(2).exists());
        assert!(!ours.iter().any(|path| path.exists()) && others.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_path_of_one_component_is_synced_in_the_working_directory() {
        sync_directory(Path::new("word")).unwrap();
        sync_directory(Path::new("/")).unwrap();
        assert!(sync_directory(Path::new("no such directory/word")).is_err());
    }

    #[test]
    fn directories_are_created_with_their_ancestors() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b/c");
        make_directory(&deep).unwrap();
        make_directory(&deep).unwrap();
        assert!(deep.is_dir());
        let file = directory.path().join("file");
        fs::write(&file, b"").unwrap();
        for path in [file.clone(), file.join("below")] {
            let refused = make_directory(&path).unwrap_err().to_string();
            assert!(refused.starts_with("cannot create "), "{refused}");
        }
    }

    #[test]
    fn a_failed_replacement_keeps_the_old_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        replace_with_bytes(&path, b"old").unwrap();
        let failed = replace_file(&path, |temporary| {
            fs::write(temporary, b"half").unwrap();
            Err(StorageError::damaged(&path, "test"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(flowrun_sdk::guard::read_file(&path, 9).unwrap(), b"old");
    }
}
