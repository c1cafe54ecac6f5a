//! Loads a shared library of ONNX Runtime and checks its version.
#![expect(unsafe_code, reason = "it owns a foreign interface")]

use std::ffi::CStr;
use std::path::Path;

use libloading::{Library, Symbol};
use ort::sys::{ORT_API_VERSION, OrtApiBase};

/// Oldest supported minor version of ONNX Runtime: 1.24.
pub const MINOR_VERSION_MIN: u32 = ORT_API_VERSION;

/// An error of loading a library.
#[derive(Debug, thiserror::Error)]
pub(super) enum LibraryError {
    /// The system cannot load the library.
    #[error("loading the library failed: {0}")]
    Unloadable(#[from] libloading::Error),
    /// The library is not ONNX Runtime.
    #[error("not a library of ONNX Runtime: it does not export `OrtGetApiBase`")]
    Foreign,
    /// The version is older than 1.24.
    #[error("version {0} of ONNX Runtime is too old: 1.{MINOR_VERSION_MIN} or newer is required")]
    TooOld(String),
    /// The version is supported, but the library returns no function table for it.
    #[error("version {0} of ONNX Runtime does not provide the API of 1.{MINOR_VERSION_MIN}")]
    NoApi(String),
}

type GetApiBase = unsafe extern "system" fn() -> *const OrtApiBase;

/// Returns the version of the library at `path` without starting it. It stays loaded until the process ends.
pub(super) fn version(path: &Path) -> Result<String, LibraryError> {
    let (version, _, library) = inspect(path)?;
    // Unloading would run its destructors and may break threads that it started.
    std::mem::forget(library);
    Ok(version)
}

/// Registers the library at `path` with `ort` and returns its version. It stays loaded until the process ends.
pub(super) fn open(path: &Path) -> Result<String, LibraryError> {
    let (version, base, library) = inspect(path)?;
    // SAFETY: `base` was checked for null and is a table that the library holds as long as it is mapped.
    let api = unsafe { ((*base).GetApi)(ORT_API_VERSION) };
    if api.is_null() {
        return Err(LibraryError::NoApi(version));
    }
    std::mem::forget(library);
    // SAFETY: not null; the table has at least the functions of the requested version, and is only copied.
    ort::set_api(unsafe { std::ptr::read(api) });
    Ok(version)
}

fn inspect(path: &Path) -> Result<(String, *const OrtApiBase, Library), LibraryError> {
    // SAFETY: loading executes the library's initialisers. It is one that the user names or installed.
    let library = unsafe { Library::new(path)? };
    // SAFETY: the symbol is a function of this signature in every ONNX Runtime, and absent in other libraries.
    let get: Symbol<'_, GetApiBase> =
        unsafe { library.get(b"OrtGetApiBase\0") }.map_err(|_| LibraryError::Foreign)?;
    // SAFETY: it takes nothing and returns a table that lives as long as the library.
    let base = unsafe { get() };
    if base.is_null() {
        return Err(LibraryError::Foreign);
    }
    // SAFETY: not null; returns a text that ends in a zero and lives as long as the library.
    let version = unsafe { CStr::from_ptr(((*base).GetVersionString)()) }.to_string_lossy().into_owned();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    match (numbers.next(), numbers.next()) {
        (Some(1), Some(minor)) if minor < MINOR_VERSION_MIN => Err(LibraryError::TooOld(version)),
        (Some(0), _) | (None, _) | (_, None) => Err(LibraryError::TooOld(version)),
        _ => Ok((version, base, library)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_and_libraries_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("libonnxruntime.so");
        assert!(matches!(version(&path), Err(LibraryError::Unloadable(_))));
        std::fs::write(&path, "no library").unwrap();
        assert!(matches!(version(&path), Err(LibraryError::Unloadable(_))));
        assert!(matches!(version(Path::new("libc.so.6")), Err(LibraryError::Foreign)));
    }
}
