//! Locations of libraries: inside the plugin directories that the user declared, and not writable by every user.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use flowrun_sdk::{LibraryError, LibraryFault};

/// Permission bit: every user may write.
const WORLD_WRITABLE: u32 = 0o002;

/// Permission bit of directories in which users may only change their own files, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Resolves symbolic links and returns the real path. Checks that it is in one of `roots` and that only its owner and group
/// can replace the file.
///
/// # Errors
/// [`LibraryFault::Unreadable`], [`LibraryFault::Outside`], [`LibraryFault::LinkOutside`] if only the link is inside, or
/// [`LibraryFault::WorldWritable`].
pub(crate) fn resolve(path: &Path, roots: &[PathBuf]) -> Result<PathBuf, LibraryError> {
    let unreadable = |error| {
        LibraryError::new(LibraryFault::Unreadable, format_args!("cannot read {}: {error}", path.display()))
    };
    let real = path.canonicalize().map_err(unreadable)?;
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    if !roots.iter().any(|root| real.starts_with(root)) {
        return Err(outside(path, &real, &roots));
    }
    for ancestor in real.ancestors() {
        let metadata = ancestor.metadata().map_err(unreadable)?;
        let is_sticky = metadata.is_dir() && metadata.mode() & STICKY != 0;
        if metadata.mode() & WORLD_WRITABLE != 0 && !is_sticky {
            let what = if metadata.is_dir() { "the directory" } else { "the file" };
            let message = format!("every user may write to {what} {}", ancestor.display());
            let help = "remove the write permission of other users: run `chmod o-w` on this path";
            return Err(LibraryError::new(LibraryFault::WorldWritable, message).help(help));
        }
    }
    Ok(real)
}

/// Error for a library outside of `roots`: `path` is as written by the user, `real` has its links resolved.
fn outside(path: &Path, real: &Path, roots: &[PathBuf]) -> LibraryError {
    let help = "put it next to the flow file, or name its directory: `plugins: [DIRECTORY]` under the flow's `with:`, or \
                FLOWRUN_PLUGINS=DIRECTORY";
    let written = std::path::absolute(path).map(|path| without_parents(&path)).unwrap_or_default();
    // The path may lead to the directories through links.
    let parent = written.parent().and_then(|parent| parent.canonicalize().ok());
    let seems_inside = parent.is_some_and(|parent| roots.iter().any(|root| parent.starts_with(root)))
        || roots.iter().any(|root| written.starts_with(root));
    if seems_inside {
        let message = format!(
            "{} is a symbolic link to {}, which is outside of the plugin directories",
            path.display(),
            real.display()
        );
        return LibraryError::new(LibraryFault::LinkOutside, message).help(help);
    }
    let message = format!("{} is not under a plugin directory", real.display());
    LibraryError::new(LibraryFault::Outside, message).help(help)
}

/// Removes `..` from an absolute path, without resolving links.
fn without_parents(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(result.pop()),
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fault(path: &Path, root: &Path) -> Option<LibraryFault> {
        resolve(path, &[root.to_owned()]).err().map(|error| error.fault)
    }

    #[test]
    fn libraries_outside_the_directories_are_rejected_also_through_links() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
        for directory in [&inside, &outside] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("a.so"), "").unwrap();
        }
        symlink(outside.join("a.so"), inside.join("file.so")).unwrap();
        symlink(&outside, inside.join("directory")).unwrap();
        symlink(&inside, directory.path().join("alias")).unwrap();
        assert_eq!(fault(&inside.join("a.so"), &inside), None);
        assert_eq!(fault(&directory.path().join("alias/a.so"), &inside), None);
        assert_eq!(fault(&outside.join("a.so"), &inside), Some(LibraryFault::Outside));
        assert_eq!(fault(&inside.join("../out/a.so"), &inside), Some(LibraryFault::Outside));
        assert_eq!(fault(&inside.join("file.so"), &inside), Some(LibraryFault::LinkOutside));
        assert_eq!(fault(&inside.join("directory/a.so"), &inside), Some(LibraryFault::LinkOutside));
        assert_eq!(fault(&inside.join("none.so"), &inside), Some(LibraryFault::Unreadable));
    }

    #[test]
    fn libraries_that_other_users_can_replace_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        let path = inner.join("a.so");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&path, "").unwrap();
        let allow = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        assert_eq!(fault(&path, directory.path()), None);
        allow(&path, 0o646);
        assert_eq!(fault(&path, directory.path()), Some(LibraryFault::WorldWritable));
        allow(&path, 0o664);
        allow(&inner, 0o777);
        assert_eq!(fault(&path, directory.path()), Some(LibraryFault::WorldWritable));
        allow(&inner, 0o1777);
        assert_eq!(fault(&path, directory.path()), None);
        allow(directory.path(), 0o707);
        assert_eq!(fault(&path, directory.path()), Some(LibraryFault::WorldWritable));
    }
}
