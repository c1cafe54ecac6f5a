//! Models that were optimised before, in the user's cache.
//!
//! Optimising takes longer than everything else about opening a model, and its result depends on the model, the
//! version of the runtime and the processor alone: these are the name that it is kept under, together with the digest
//! of what is kept. So a file that is damaged, or only half written, is one that does not fit its name; it is made
//! anew. Replicas and programs that start at once each write a file of their own and rename it, the last one wins, and
//! what anybody reads is whole.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use flowrun_sdk::{guard, tracing};
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest as _, Sha256};

use super::open::FILE_BYTES_MAX;
use crate::runtime::cache_directory;

/// The most models that are kept; the oldest give way.
const KEPT_MAX: usize = 32;

/// What the cache has for a model.
pub(super) enum Kept {
    /// The model, optimised.
    Optimised(Vec<u8>),
    /// Nothing yet; this is where it belongs.
    NotYet(Place),
    /// There is no cache to keep it in.
    Nowhere,
}

/// Where a model belongs that is being optimised.
pub(super) struct Place {
    key: String,
    directory: PathBuf,
    writing: tempfile::TempPath,
}

/// Held by whoever opens a model for the first time, so that the other replicas do not start on the same work.
pub(super) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

/// Whether a model of that key was opened before.
pub(super) fn is_known(key: &str) -> bool {
    directory().is_some_and(|directory| directory.join(format!("{key}.opened")).exists())
}

/// Notes that a model of that key has opened.
pub(super) fn know(key: &str) {
    if let Some(directory) = directory() {
        // Without a note there is another trial next time.
        drop(std::fs::create_dir_all(&directory));
        drop(std::fs::write(directory.join(format!("{key}.opened")), ""));
    }
}

fn directory() -> Option<PathBuf> {
    cache_directory().map(|cache| cache.join("optimised"))
}

/// What the cache has for a model of that key.
pub(super) fn kept(key: &str) -> Kept {
    let Some(directory) = directory() else { return Kept::Nowhere };
    if let Some(optimised) = whole(&directory, key) {
        return Kept::Optimised(optimised);
    }
    let writing = std::fs::create_dir_all(&directory)
        .and_then(|()| tempfile::Builder::new().prefix(".writing-").suffix(".onnx").tempfile_in(&directory));
    match writing {
        Ok(file) => Kept::NotYet(Place { key: key.to_owned(), directory, writing: file.into_temp_path() }),
        Err(error) => {
            tracing::warn!(directory = %directory.display(), "optimised models are not kept: {error}");
            Kept::Nowhere
        }
    }
}

impl Place {
    /// The file to write.
    pub(super) fn path(&self) -> &Path {
        &self.writing
    }

    /// Keeps what was written.
    pub(super) fn keep(self) {
        let kept = guard::read_file(&self.writing, FILE_BYTES_MAX).map_err(|error| error.to_string());
        let kept = kept.and_then(|bytes| {
            let name = format!("{}-{}.onnx", self.key, digest(&[&bytes]));
            self.writing.persist(self.directory.join(name)).map_err(|error| error.to_string())
        });
        match kept {
            Ok(()) => make_room(&self.directory),
            Err(error) => tracing::warn!("an optimised model is not kept: {error}"),
        }
    }
}

/// What a model is kept under. What an optimiser does depends on the instructions that the processor has.
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
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The file of that key that is as it was written.
fn whole(directory: &Path, key: &str) -> Option<Vec<u8>> {
    for path in models(directory) {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(expected) = name.strip_prefix(key).and_then(|rest| rest.strip_prefix('-')) else { continue };
        match guard::read_file(&path, FILE_BYTES_MAX) {
            Ok(bytes) if digest(&[&bytes]) == expected => return Some(bytes),
            Ok(_) => {
                tracing::warn!(file = %path.display(), "an optimised model is damaged, and made anew");
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

/// Removes the oldest models beyond those that are kept.
fn make_room(directory: &Path) {
    let mut models = models(directory);
    models.sort_by_cached_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    let excess = models.len().saturating_sub(KEPT_MAX);
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
        assert_eq!(whole(directory.path(), "key").unwrap(), b"model");
        std::fs::write(&good, "mode").unwrap();
        assert!(whole(directory.path(), "key").is_none() && !good.exists());
    }

    #[test]
    fn the_key_tells_models_and_runtimes_apart() {
        let key = |model: &[u8], runtime| key(model, runtime, &[]);
        assert_eq!(key(b"a", "1"), key(b"a", "1"));
        assert!(key(b"a", "1") != key(b"b", "1") && key(b"a", "1") != key(b"a", "2"));
    }

    #[test]
    fn the_oldest_give_way() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..KEPT_MAX + 3 {
            std::fs::write(directory.path().join(format!("{number}.onnx")), "").unwrap();
        }
        make_room(directory.path());
        assert_eq!(models(directory.path()).len(), KEPT_MAX);
    }
}
