//! Errors of generating a set.

use std::io;
use std::path::{Path, PathBuf};

/// An error of generating a set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// Invalid command line.
    #[error("{0}\nusage: demo-data --out DIR [--seed N] [--per-class N] [--held-out N]")]
    Usage(String),
    /// A file in the output directory has the name of one of a set.
    #[error("{} exists and is not part of a demo set; use another directory", .0.display())]
    NotOurs(PathBuf),
    /// A file or directory could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A clip could not be encoded.
    #[error("cannot encode a clip: {0}")]
    Gif(#[from] gif::EncodingError),
    /// A picture could not be encoded.
    #[error("cannot encode a picture: {0}")]
    Image(#[from] image::ImageError),
}

impl DemoError {
    /// Wraps an I/O error for `path`; an argument of `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_path_or_argument() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = DemoError::io(Path::new("out/clips"))(denied).to_string();
        assert!(error.starts_with("cannot write out/clips: "), "{error}");
        let error = DemoError::NotOurs("thesis/clips".into()).to_string();
        assert!(error.starts_with("thesis/clips exists"), "{error}");
        let error = DemoError::Usage("`--out` is missing".to_owned()).to_string();
        assert!(error.ends_with("[--held-out N]") && error.lines().count() == 2, "{error}");
    }
}
