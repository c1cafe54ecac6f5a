//! Which files documents may name.
//!
//! Whoever runs a flow over files of their own may name any that they can read. A flow that is served reads what
//! strangers name, and then only beneath the directories that its host declared.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::GuardError;

/// The directories, once somebody declared them: for the whole process, because so are its rights.
static ROOTS: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// From now on documents may name files beneath these directories alone; with none, no files at all. Only the first
/// call counts. Directories that do not exist have nothing beneath them.
pub fn restrict_files_to(directories: &[PathBuf]) {
    let _ = ROOTS.set(canonical(directories));
}

/// The directories that were declared, if any were: for a process that works for this one.
pub fn allowed_directories() -> Option<&'static [PathBuf]> {
    ROOTS.get().map(Vec::as_slice)
}

fn canonical(directories: &[PathBuf]) -> Vec<PathBuf> {
    directories.iter().filter_map(|directory| directory.canonicalize().ok()).collect()
}

/// The file that a document names, if documents may name it. Links are followed first.
pub(super) fn admitted(path: PathBuf) -> Result<PathBuf, GuardError> {
    match ROOTS.get() {
        None => Ok(path),
        Some(roots) => beneath(&path, roots).ok_or(GuardError::Outside(path)),
    }
}

/// Where `path` really is, if that is beneath one of `roots`.
fn beneath(path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    roots.iter().any(|root| real.starts_with(root)).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_really_beneath_a_directory_is_admitted() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
        for place in [&inside, &outside] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("a.gif"), b"GIF89a").unwrap();
        }
        std::os::unix::fs::symlink(outside.join("a.gif"), inside.join("link.gif")).unwrap();
        let roots = canonical(&[inside.clone(), directory.path().join("missing")]);
        assert_eq!(beneath(&inside.join("a.gif"), &roots), inside.join("a.gif").canonicalize().ok());
        assert!(beneath(&inside.join("../in/a.gif"), &roots).is_some());
        for path in ["../out/a.gif", "link.gif", "missing.gif"] {
            assert_eq!(beneath(&inside.join(path), &roots), None, "{path}");
        }
        assert_eq!(beneath(&inside.join("a.gif"), &[]), None);
    }
}
