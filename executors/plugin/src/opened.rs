//! Libraries that were looked at: their bytes where nobody changes them any more, and what they offer.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flowrun_sdk::abi::Description;
use flowrun_sdk::{ExecutorType, LibraryError, LibraryFault, guard};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use crate::inspect::{Inspection, inspect};
use crate::kind;
use crate::load::Loading;

/// Bytes of a library at the most: those with a model inside have some hundreds of millions.
const LIBRARY_BYTES_MAX: u64 = 1 << 30;

/// A library that was looked at and found good.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Where it was found, for messages.
    pub(crate) path: PathBuf,
    /// Its bytes. Held for good: the loader knows libraries by the names of their files, and this one's is a number.
    pub(crate) file: File,
    pub(crate) description: Description,
    pub(crate) loading: Loading,
    types: std::sync::OnceLock<Vec<ExecutorType>>,
}

impl Opened {
    pub(crate) fn types(&'static self) -> &'static [ExecutorType] {
        self.types.get_or_init(|| kind::types(self))
    }
}

/// The bytes of a library.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LibraryError> {
    guard::read_file(path, LIBRARY_BYTES_MAX)
        .map_err(|error| LibraryError::new(LibraryFault::Unreadable, error.to_string()))
}

/// The library at `path`. One of the same bytes is opened once: it stays for good, as what was loaded does.
pub(crate) fn open(path: &Path, sha256: Option<&str>) -> Result<&'static Opened, LibraryError> {
    static OPENED: LazyLock<Mutex<HashMap<String, &'static Opened>>> = LazyLock::new(Mutex::default);
    let bytes = read(path)?;
    let Inspection { sha256: found, description, mut faults, .. } = inspect(&bytes);
    // The hash before all else: whoever pins one wants no other bytes looked at.
    if let Some(wanted) = sha256.map(str::trim).filter(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
        let message = format!("the SHA-256 of {} is {found}, not {wanted}", path.display());
        let help = "if this is the library that you mean, write its SHA-256";
        return Err(LibraryError::new(LibraryFault::WrongHash, message).help(help));
    }
    if !faults.is_empty() {
        let fault = faults.swap_remove(0);
        let message = format!("{}: {}", path.display(), fault.message);
        return Err(LibraryError { message, ..fault });
    }
    let none =
        || LibraryError::new(LibraryFault::NoNote, format_args!("{} says nothing of itself", path.display()));
    let description = description.ok_or_else(none)?;
    let mut opened = OPENED.lock();
    if let Some(opened) = opened.get(&found) {
        return Ok(opened);
    }
    let file = sealed(path, &bytes).map_err(|error| {
        let message = format!("{} cannot be kept in memory: {error}", path.display());
        LibraryError::new(LibraryFault::Unreadable, message)
    })?;
    let new = Opened {
        path: path.to_owned(),
        file,
        description,
        loading: Loading::default(),
        types: std::sync::OnceLock::new(),
    };
    let new: &'static Opened = Box::leak(Box::new(new));
    opened.insert(found, new);
    Ok(new)
}

/// The bytes in a file that has no name and cannot be changed any more.
fn sealed(path: &Path, bytes: &[u8]) -> std::io::Result<File> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The kernel takes names of up to 249 bytes.
    let name: String = name.chars().filter(|letter| *letter != '\0').take(60).collect();
    let mut file = File::from(memfd_create(name.as_str(), MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    Ok(file)
}
