//! Cache of optimised models in the user's cache directory.
//!
//! Optimisation dominates the time to open a model. Its result depends only on the model, the sizes that its axes are fixed
//! to, the version of the runtime and the processor; the key is a digest of these. The file name also contains the digest of
//! the file, so that a damaged or incomplete file is detected and rebuilt. Concurrent writers each write a temporary file and
//! rename it; the last one wins, and readers always see complete files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flowrun_sdk::{cache_directory, guard, tracing};
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest as _, Sha256};

use super::format::FILE_BYTES_MAX;

/// Largest number of cached models; the oldest are evicted.
const ENTRIES_MAX: usize = 32;

/// Result of a cache lookup.
pub(super) enum CacheLookup {
    /// The optimised model.
    Hit(Vec<u8>),
    /// The model is not cached; the entry to write.
    Miss(PendingEntry),
    /// There is no cache directory, or it cannot be written.
    Unavailable,
}

/// The entry of a model that is being optimised.
pub(super) struct PendingEntry {
    key: String,
    directory: PathBuf,
    writing: tempfile::TempPath,
}

/// Lock for opening a model for the first time, so that replicas do not optimise the same model concurrently.
pub(super) fn lock_first_open() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock()
}

/// Returns `true` if a model with this key was opened before.
pub(super) fn was_opened(key: &str) -> bool {
    directory().is_some_and(|directory| directory.join(format!("{key}.opened")).exists())
}

/// Records that a model with this key was opened successfully, as far as the cache can be written.
pub(super) fn record_opened(key: &str) {
    if let Some(directory) = directory() {
        // If this fails, the trial is repeated next time.
        drop(std::fs::create_dir_all(&directory));
        drop(std::fs::write(directory.join(format!("{key}.opened")), ""));
    }
}

fn directory() -> Option<PathBuf> {
    cache_directory().map(|cache| cache.join("optimised"))
}

/// Looks up the optimised model with this key.
pub(super) fn look_up(key: &str) -> CacheLookup {
    let Some(directory) = directory() else { return CacheLookup::Unavailable };
    if let Some(optimised) = find_intact(&directory, key) {
        return CacheLookup::Hit(optimised);
    }
    let writing = std::fs::create_dir_all(&directory)
        .and_then(|()| tempfile::Builder::new().prefix(".writing-").suffix(".onnx").tempfile_in(&directory));
    match writing {
        Ok(file) => {
            CacheLookup::Miss(PendingEntry { key: key.to_owned(), directory, writing: file.into_temp_path() })
        }
        Err(error) => {
            tracing::warn!(directory = %directory.display(), "optimised models are not cached: {error}");
            CacheLookup::Unavailable
        }
    }
}

impl PendingEntry {
    /// Path of the temporary file to write.
    pub(super) fn path(&self) -> &Path {
        &self.writing
    }

    /// Moves the written file into the cache. A failure is logged, and the model is optimised again next time.
    pub(super) fn commit(self) {
        let kept = guard::read_file(&self.writing, FILE_BYTES_MAX).map_err(|error| error.to_string());
        let kept = kept.and_then(|bytes| {
            let name = format!("{}-{}.onnx", self.key, digest(&[&bytes]));
            self.writing.persist(self.directory.join(name)).map_err(|error| error.to_string())
        });
        match kept {
            Ok(()) => evict_oldest(&self.directory),
            Err(error) => tracing::warn!("an optimised model was not cached: {error}"),
        }
    }
}

/// Cache key of a model. `runtime` is the label of the backend, `sizes` are those of [`Options`](super::Options). The key
/// includes the processor, because optimisation depends on its instruction sets.
pub(super) fn key(model: &[u8], runtime: &str, sizes: &[(String, usize, usize)]) -> String {
    let sizes = format!("{sizes:?}");
    digest(&[&Sha256::digest(model), runtime.as_bytes(), processor().as_bytes(), sizes.as_bytes()])
}

/// The processor's instruction sets, as the system lists them.
fn processor() -> String {
    const BYTES_MAX: u64 = 16 << 20;
    let text = guard::read_text(Path::new("/proc/cpuinfo"), BYTES_MAX).unwrap_or_default();
    text.lines().find(|line| line.starts_with("flags")).unwrap_or_default().to_owned()
}

fn digest(parts: &[&[u8]]) -> String {
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part)).finalize();
    digest.iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads the file with this key whose digest is correct, and removes damaged ones.
fn find_intact(directory: &Path, key: &str) -> Option<Vec<u8>> {
    for path in models(directory) {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(expected) = name.strip_prefix(key).and_then(|rest| rest.strip_prefix('-')) else { continue };
        match guard::read_file(&path, FILE_BYTES_MAX) {
            Ok(bytes) if digest(&[&bytes]) == expected => return Some(bytes),
            Ok(_) => {
                tracing::warn!(file = %path.display(), "an optimised model is damaged and will be rebuilt");
                drop(std::fs::remove_file(&path));
            }
            Err(_) => {}
        }
    }
    None
}

fn models(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect()
}

/// Removes the oldest models in excess of [`ENTRIES_MAX`].
fn evict_oldest(directory: &Path) {
    let mut models = models(directory);
    models.sort_by_cached_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    let excess = models.len().saturating_sub(ENTRIES_MAX);
    models.into_iter().take(excess).for_each(|path| drop(std::fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_removed_and_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let good = directory.path().join(format!("key-{}.onnx", digest(&[b"model"])));
        std::fs::write(&good, "model").unwrap();
        assert_eq!(find_intact(directory.path(), "key").unwrap(), b"model");
        std::fs::write(&good, "mode").unwrap();
        assert!(find_intact(directory.path(), "key").is_none() && !good.exists());
    }

    #[test]
    fn keys_differ_by_model_and_runtime() {
        let key = |model: &[u8], runtime| key(model, runtime, &[]);
        assert_eq!(key(b"a", "1"), key(b"a", "1"));
        assert!(key(b"a", "1") != key(b"b", "1") && key(b"a", "1") != key(b"a", "2"));
    }

    #[test]
    fn the_oldest_entries_are_evicted() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..ENTRIES_MAX + 3 {
            std::fs::write(directory.path().join(format!("{number}.onnx")), "").unwrap();
        }
        evict_oldest(directory.path());
        assert_eq!(models(directory.path()).len(), ENTRIES_MAX);
    }
}
