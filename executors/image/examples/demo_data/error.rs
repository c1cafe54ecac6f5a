//! What can go wrong while a set is made.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The command line cannot be understood.
    #[error("{0}\nusage: demo_data --out DIR [--seed N] [--per-class N] [--held-out N]")]
    Usage(String),
    /// The directory holds something else.
    #[error("{} is not empty and holds no demo set; name another directory", .0.display())]
    NotOurs(PathBuf),
    /// The system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
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
    /// For `map_err`: what the system said about `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_it_is_about() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = DemoError::io(Path::new("out/clips"))(refused).to_string();
        assert!(error.starts_with("cannot write out/clips: "), "{error}");
        let error = DemoError::NotOurs("thesis".into()).to_string();
        assert!(error.starts_with("thesis is not empty"), "{error}");
        let error = DemoError::Usage("`--out` is missing".to_owned()).to_string();
        assert!(error.ends_with("[--held-out N]") && error.lines().count() == 2, "{error}");
    }
}
