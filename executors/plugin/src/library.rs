//! Inspected libraries: their bytes in sealed memory, and their description.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flowrun_sdk::abi::{Description, FlowrunPlugin};
use flowrun_sdk::{ExecutorType, LibraryError, LibraryFault, guard};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::inspect::{Inspection, inspect};

/// Maximum size of a library in bytes; those that contain a model have several hundred megabytes.
const LIBRARY_BYTES_MAX: u64 = 1 << 30;

/// A library without problems.
#[derive(Debug)]
pub(crate) struct Library {
    /// Path of the file, for messages.
    pub(crate) path: PathBuf,
    /// Sealed copy of the file, never closed: the loader identifies libraries by their paths, and this path contains the
    /// number of the descriptor.
    pub(crate) file: File,
    /// SHA-256 of its bytes, in hexadecimal.
    pub(crate) sha256: String,
    /// Executors of the library, from its note.
    pub(crate) description: Description,
    /// Functions of the library, once it is loaded.
    pub(crate) table: LazyTable,
    /// Executor types, which [`types`](crate::types) derives from the description.
    pub(crate) types: std::sync::OnceLock<Vec<ExecutorType>>,
}

/// The functions of a library, or the reason why it could not be loaded; empty until [`load`](crate::load) loads it.
#[derive(Default)]
pub(crate) struct LazyTable(pub(crate) Mutex<Option<Result<&'static FlowrunPlugin, LibraryError>>>);

impl std::fmt::Debug for LazyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LazyTable")
    }
}

/// Reads the bytes of a library.
///
/// # Errors
/// [`LibraryFault::Unreadable`], also for a file of more than [`LIBRARY_BYTES_MAX`] bytes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LibraryError> {
    guard::read_file(path, LIBRARY_BYTES_MAX)
        .map_err(|error| LibraryError::new(LibraryFault::Unreadable, error.to_string()))
}

/// Opens the library at `path`, whose SHA-256 must be `sha256` if that is set. Files with the same content are opened once,
/// and never closed.
///
/// # Errors
/// When the file cannot be read or has another hash, and the first fault of its [`Inspection`].
pub(crate) fn open(path: &Path, sha256: Option<&str>) -> Result<&'static Library, LibraryError> {
    static OPENED: LazyLock<Mutex<HashMap<String, &'static Library>>> = LazyLock::new(Mutex::default);
    let bytes = read(path)?;
    let Inspection { sha256: actual, description, mut faults, .. } = inspect(&bytes);
    // The hash comes first: a pinned hash excludes all other files, whatever they contain.
    if let Some(expected) = sha256.map(str::trim).filter(|expected| !expected.eq_ignore_ascii_case(&actual)) {
        let message = format!("the SHA-256 of {} is {actual}, not {expected}", path.display());
        let help = "if this is the library that you mean, write its SHA-256";
        return Err(LibraryError::new(LibraryFault::WrongHash, message).help(help));
    }
    if !faults.is_empty() {
        let fault = faults.swap_remove(0);
        let message = format!("{}: {}", path.display(), fault.message);
        return Err(LibraryError { message, ..fault });
    }
    let missing =
        || LibraryError::new(LibraryFault::NoNote, format_args!("{} has no description", path.display()));
    let description = description.ok_or_else(missing)?;
    let mut opened = OPENED.lock();
    if let Some(opened) = opened.get(&actual) {
        return Ok(opened);
    }
    let file = sealed_copy(path, &bytes).map_err(|error| {
        let message = format!("{} cannot be kept in memory: {error}", path.display());
        LibraryError::new(LibraryFault::Unreadable, message)
    })?;
    let library = Library {
        path: path.to_owned(),
        file,
        sha256: actual.clone(),
        description,
        table: LazyTable::default(),
        types: std::sync::OnceLock::new(),
    };
    let library: &'static Library = Box::leak(Box::new(library));
    opened.insert(actual, library);
    Ok(library)
}

/// Copies bytes to an anonymous file in memory that cannot be changed.
fn sealed_copy(path: &Path, bytes: &[u8]) -> std::io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Linux limits names to 249 bytes.
    let name: String = name.chars().filter(|letter| *letter != '\0').take(60).collect();
    let mut file = File::from(memfd_create(name.as_str(), MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    Ok(file)
}
