//! Executors in shared libraries: looked at without executing them, loaded when they are needed, and called over the
//! boundary that `flowrun_sdk::abi` describes.
//!
//! What was checked is what runs: the bytes of a file are read once, hashed, looked into, and kept in memory that
//! nobody can write to any more, from where they are loaded. A library that was loaded stays where it is until the
//! process ends, because nobody can tell what of it is still in use.

mod call;
mod error;
mod executor;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod host;
mod inspect;
mod kind;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod load;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod loaded;
mod opened;
mod place;

use std::path::Path;

use flowrun_sdk::{ExecutorType, LibraryError, LibraryRequest};

pub use inspect::{Inspection, inspect};
pub use kind::in_words;

/// The executors of a library that is where it may be, and of the bytes that it should have. It is not executed.
///
/// # Errors
/// What is wrong with it.
pub fn open(request: &LibraryRequest<'_>) -> Result<&'static [ExecutorType], LibraryError> {
    let path = place::admitted(request.path, request.roots)?;
    opened::open(&path, request.sha256).map(|opened| opened.types())
}

/// What a file says of itself, wherever it is; it is not executed.
///
/// # Errors
/// When it cannot be read.
pub fn look(path: &Path) -> Result<Inspection, LibraryError> {
    let mut inspection = inspect(&opened::read(path)?);
    let beside = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    inspection.faults.extend(place::admitted(path, &[beside.unwrap_or_default()]).err());
    Ok(inspection)
}
