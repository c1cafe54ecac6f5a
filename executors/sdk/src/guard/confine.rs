//! Confinement of the files that documents can refer to.
//!
//! Users of their own flow may refer to any file that they can read. A served flow reads files that clients refer to, and
//! is restricted to the directories that its host declares.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::error::GuardError;

/// Declared directories. They apply to the whole process, like its access rights.
static ROOTS: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// Restricts documents to files in these directories, at any depth; with none, to no files at all.
///
/// Only the first call has an effect. Directories that do not exist are ignored.
pub fn restrict_files_to(directories: &[PathBuf]) {
    let _ = ROOTS.set(canonical(directories));
}

/// Returns the declared directories, for child processes; `None` if files are not restricted.
pub fn allowed_directories() -> Option<&'static [PathBuf]> {
    ROOTS.get().map(Vec::as_slice)
}

fn canonical(directories: &[PathBuf]) -> Vec<PathBuf> {
    directories.iter().filter_map(|directory| directory.canonicalize().ok()).collect()
}

/// Returns the target of a path that documents may refer to, with links resolved.
pub(super) fn allowed_path(path: PathBuf) -> Result<PathBuf, GuardError> {
    match ROOTS.get() {
        None => Ok(path),
        Some(roots) => resolve_inside(&path, roots).ok_or(GuardError::Outside(path)),
    }
}

/// Resolves links; `None` if the target is not in one of `roots`.
fn resolve_inside(path: &Path, roots: &[PathBuf]) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    roots.iter().any(|root| real.starts_with(root)).then_some(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_outside_the_directories_are_rejected_also_through_links() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
        for directory in [&inside, &outside] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("a.gif"), b"GIF89a").unwrap();
        }
        std::os::unix::fs::symlink(outside.join("a.gif"), inside.join("link.gif")).unwrap();
        let roots = canonical(&[inside.clone(), directory.path().join("missing")]);
        assert_eq!(resolve_inside(&inside.join("a.gif"), &roots), inside.join("a.gif").canonicalize().ok());
        assert!(resolve_inside(&inside.join("../in/a.gif"), &roots).is_some());
        for path in ["../out/a.gif", "link.gif", "missing.gif"] {
            assert_eq!(resolve_inside(&inside.join(path), &roots), None, "{path}");
        }
        assert_eq!(resolve_inside(&inside.join("a.gif"), &[]), None);
    }
}
