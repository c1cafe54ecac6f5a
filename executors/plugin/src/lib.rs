//! Executors in shared libraries: inspected without executing them, loaded on demand, and called through the interface of
//! [`flowrun_sdk::abi`].
//!
//! The bytes that were checked are the bytes that run: a file is read once, hashed, inspected, and loaded from sealed
//! memory. A loaded library is never unloaded, because threads may still execute its code.

mod allowed_path;
mod error;
mod executor;
#[cfg(test)]
mod fuzz;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod host;
mod inspect;
mod library;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod load;
mod plugin_call;
#[expect(unsafe_code, reason = "it owns a foreign interface")]
mod plugin_executor;
mod types;

use std::path::Path;

use flowrun_sdk::{ExecutorType, LibraryError, LibraryRequest};

pub use inspect::{Inspection, inspect};
pub use types::parameter_text;

/// Returns the executor types of a library, without executing it. Checks its location, its hash (if the request has one) and
/// its content.
///
/// # Errors
/// The first problem that is found.
pub fn open(request: &LibraryRequest<'_>) -> Result<&'static [ExecutorType], LibraryError> {
    let path = allowed_path::resolve(request.path, request.roots)?;
    library::open(&path, request.sha256).map(types::types)
}

/// Inspects a file in any directory, without executing it. Its faults include permissions that let every user replace it.
///
/// # Errors
/// [`LibraryError`] if the file cannot be read.
pub fn inspect_file(path: &Path) -> Result<Inspection, LibraryError> {
    let mut inspection = inspect(&library::read(path)?);
    let directory = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    inspection.faults.extend(allowed_path::resolve(path, &[directory.unwrap_or_default()]).err());
    Ok(inspection)
}
