//! Confinement of the files that documents can refer to.
//!
//! Users of their own flow may refer to any file that they can read. A served flow reads files that clients refer to, and
//! is restricted to the directories that its host declares.
//!
//! A path is resolved first, links included, and then opened relative to its declared directory without following links.
//! A local user who replaces a part of the path by a link in between gets an error, not a file from outside.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::error::GuardError;
use super::file::{READ, open_path};

/// Declared directories. They apply to the whole process, like its access rights.
static ROOTS: OnceLock<Vec<Root>> = OnceLock::new();

/// Flags that open a directory as the start of relative paths.
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A declared directory, or a declared file.
#[derive(Debug)]
struct Root {
    /// Its path without links.
    path: PathBuf,
    /// The directory itself, or the one that contains the file.
    base: PathBuf,
    /// `base`, opened when it was declared.
    directory: OwnedFd,
}

/// Restricts documents to files in these directories, at any depth; with none, to no files at all.
///
/// Only the first call has an effect. Directories that do not exist are ignored.
pub fn restrict_files_to(directories: &[PathBuf]) {
    let _ = ROOTS.set(declared(directories));
}

/// Returns the declared directories without links, to pass them to child processes; `None` if files are not restricted.
pub fn allowed_directories() -> Option<Vec<&'static Path>> {
    Some(ROOTS.get()?.iter().map(|root| root.path.as_path()).collect())
}

fn declared(directories: &[PathBuf]) -> Vec<Root> {
    directories.iter().filter_map(|directory| Root::open(directory)).collect()
}

/// Opens a file that documents may refer to.
///
/// # Errors
/// [`GuardError::Outside`] for a file outside the declared directories, and [`GuardError::Io`] if it cannot be opened.
pub(super) fn open_allowed(path: &Path) -> Result<File, GuardError> {
    match ROOTS.get() {
        None => open_path(path),
        Some(roots) => open_inside(path, roots),
    }
}

fn open_inside(path: &Path, roots: &[Root]) -> Result<File, GuardError> {
    let outside = || GuardError::Outside(path.to_owned());
    let real = path.canonicalize().map_err(|_| outside())?;
    let root = roots.iter().find(|root| real.starts_with(&root.path)).ok_or_else(outside)?;
    let relative = real.strip_prefix(&root.base).map_err(|_| outside())?;
    root.open_file(relative).map(File::from).map_err(|error| match error {
        // A link appeared after the path was resolved.
        Errno::LOOP | Errno::XDEV | Errno::NOENT | Errno::NOTDIR => outside(),
        error => GuardError::Io { path: path.to_owned(), source: error.into() },
    })
}

impl Root {
    fn open(directory: &Path) -> Option<Self> {
        let path = directory.canonicalize().ok()?;
        let base = if path.is_dir() { path.clone() } else { path.parent()?.to_owned() };
        let directory = rustix::fs::open(&base, DIRECTORY, Mode::empty()).ok()?;
        Some(Self { path, base, directory })
    }

    /// Opens a file under the directory without following links.
    fn open_file(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{ResolveFlags, openat2};

            let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.directory, relative, READ, Mode::empty(), inside) {
                // Kernels before 5.6, and sandboxes that do not know the call.
                Err(Errno::NOSYS | Errno::PERM) => {}
                opened => return opened,
            }
        }
        self.walk(relative)
    }

    /// Opens a file like [`open_file`](Self::open_file), directory by directory.
    fn walk(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        let name = relative.file_name().ok_or(Errno::NOENT)?;
        let mut directory = openat(&self.directory, ".", DIRECTORY, Mode::empty())?;
        for part in relative.parent().into_iter().flat_map(Path::components) {
            let part: &Path = part.as_ref();
            directory = openat(&directory, part, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        }
        openat(&directory, name, READ | OFlags::NOFOLLOW, Mode::empty())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with `in/a.gif`, `in/deep/a.gif` and `out/a.gif`, and the declared root `in`.
    fn directories() -> (tempfile::TempDir, PathBuf, Vec<Root>) {
        let directory = tempfile::tempdir().unwrap();
        for name in ["in", "in/deep", "out"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
            std::fs::write(directory.path().join(name).join("a.gif"), name).unwrap();
        }
        let inside = directory.path().join("in");
        let roots = declared(&[inside.clone(), directory.path().join("missing")]);
        (directory, inside, roots)
    }

    fn text(file: impl Into<File>) -> String {
        let mut text = String::new();
        file.into().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn files_outside_the_directories_are_rejected_also_through_links() {
        let (_directory, inside, roots) = directories();
        symlink("../out/a.gif", inside.join("link.gif")).unwrap();
        symlink("a.gif", inside.join("own.gif")).unwrap();
        let open = |path: &str, roots: &[Root]| open_inside(&inside.join(path), roots);
        for path in ["a.gif", "../in/a.gif", "deep/a.gif", "own.gif"] {
            assert!(open(path, &roots).is_ok(), "{path}");
        }
        for path in ["../out/a.gif", "link.gif", "missing.gif"] {
            assert!(matches!(open(path, &roots), Err(GuardError::Outside(_))), "{path}");
        }
        assert!(matches!(open("a.gif", &[]), Err(GuardError::Outside(_))));
    }

    #[test]
    fn a_link_that_appears_after_the_path_was_resolved_is_not_followed() {
        let (_directory, inside, roots) = directories();
        symlink("../out/a.gif", inside.join("file.gif")).unwrap();
        symlink("../out", inside.join("directory")).unwrap();
        for path in ["file.gif", "directory/a.gif", "../out/a.gif"] {
            assert!(roots[0].open_file(Path::new(path)).is_err(), "{path}");
        }
        for path in ["file.gif", "directory/a.gif"] {
            assert!(roots[0].walk(Path::new(path)).is_err(), "{path}");
        }
        assert_eq!(text(roots[0].open_file(Path::new("deep/a.gif")).unwrap()), "in/deep");
        assert_eq!(text(roots[0].walk(Path::new("deep/a.gif")).unwrap()), "in/deep");
    }

    #[test]
    fn a_directory_stays_declared_when_another_takes_its_path() {
        let (directory, inside, roots) = directories();
        std::fs::rename(&inside, directory.path().join("moved")).unwrap();
        symlink("out", &inside).unwrap();
        assert!(matches!(open_inside(&inside.join("a.gif"), &roots), Err(GuardError::Outside(_))));
        assert_eq!(text(roots[0].open_file(Path::new("a.gif")).unwrap()), "in");
    }

    #[test]
    fn a_single_file_can_be_declared() {
        let (_directory, inside, _) = directories();
        let roots = declared(&[inside.join("a.gif")]);
        assert_eq!(text(open_inside(&inside.join("a.gif"), &roots).unwrap()), "in");
        assert!(open_inside(&inside.join("deep/a.gif"), &roots).is_err());
    }
}
