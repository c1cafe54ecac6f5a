//! Where libraries may be: beneath the directories of those who may say what runs, and where nobody else can put one.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use flowrun_sdk::{LibraryError, LibraryFault};

/// Others may write.
const WORLD_WRITABLE: u32 = 0o002;

/// In a directory of this kind others may only touch what is theirs, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// Where `path` really is, if that is beneath one of `roots`, and nobody but its owner and group can put something in
/// its place.
pub(crate) fn admitted(path: &Path, roots: &[PathBuf]) -> Result<PathBuf, LibraryError> {
    let unreadable = |error| {
        LibraryError::new(LibraryFault::Unreadable, format_args!("cannot read {}: {error}", path.display()))
    };
    let real = path.canonicalize().map_err(unreadable)?;
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    if !roots.iter().any(|root| real.starts_with(root)) {
        return Err(outside(path, &real, &roots));
    }
    for place in real.ancestors() {
        let metadata = place.metadata().map_err(unreadable)?;
        let guarded = metadata.is_dir() && metadata.mode() & STICKY != 0;
        if metadata.mode() & WORLD_WRITABLE != 0 && !guarded {
            let what = if metadata.is_dir() { "the directory" } else { "the file" };
            let message = format!("everybody may write to {what} {}", place.display());
            let help = "take the right away: `chmod o-w` on what the message names";
            return Err(LibraryError::new(LibraryFault::WorldWritable, message).help(help));
        }
    }
    Ok(real)
}

fn outside(path: &Path, real: &Path, roots: &[PathBuf]) -> LibraryError {
    let help = "put it beside the flow's file, or name its directory: `plugins: [DIRECTORY]` under the flow's `with:`, or \
                FLOWRUN_PLUGINS=DIRECTORY";
    let written = std::path::absolute(path).map(|path| plain(&path)).unwrap_or_default();
    // As it is written it may lead through links above the directories too.
    let parent = written.parent().and_then(|parent| parent.canonicalize().ok());
    let seems_inside = parent.is_some_and(|parent| roots.iter().any(|root| parent.starts_with(root)))
        || roots.iter().any(|root| written.starts_with(root));
    if seems_inside {
        let message = format!(
            "{} is a link that leads to {}, outside of the directories for plugins",
            path.display(),
            real.display()
        );
        return LibraryError::new(LibraryFault::LinkOutside, message).help(help);
    }
    let message = format!("{} is not beneath a directory for plugins", real.display());
    LibraryError::new(LibraryFault::Outside, message).help(help)
}

/// An absolute path without `..`, links not followed.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fault(path: &Path, root: &Path) -> Option<LibraryFault> {
        admitted(path, &[root.to_owned()]).err().map(|error| error.fault)
    }

    #[test]
    fn a_library_is_beneath_a_directory_for_plugins_links_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (inside, outside) = (directory.path().join("in"), directory.path().join("out"));
        for place in [&inside, &outside] {
            std::fs::create_dir(place).unwrap();
            std::fs::write(place.join("a.so"), "").unwrap();
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
    fn nobody_else_can_put_something_in_the_place_of_a_library() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("inner");
        let path = inner.join("a.so");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&path, "").unwrap();
        let allow = |place: &Path, mode| {
            std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode)).unwrap()
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
