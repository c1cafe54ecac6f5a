//! Loads libraries, each once, on a thread with a timeout. A library that hangs occupies its thread for ever.

use std::ffi::c_void;
use std::os::fd::AsRawFd as _;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use flowrun_sdk::abi::{Description, FLOWRUN_ABI_VERSION, FLOWRUN_PANIC, FlowrunHost, FlowrunPlugin};
use flowrun_sdk::{LibraryError, LibraryFault};
use libloading::os::unix::{Library as DynamicLibrary, RTLD_LOCAL, RTLD_NOW};

use crate::error::wrong_version;
use crate::host;
use crate::inspect::SYMBOL;
use crate::library::Library;

/// Timeout of loading a library and calling its entry point. It is below five seconds, within which all problems of a flow
/// are to be reported.
const LOAD_TIMEOUT: Duration = Duration::from_secs(4);

/// Returns the functions of the library, and loads it for the first caller. Concurrent callers wait. An error is kept: the
/// library is not loaded again.
pub(crate) fn table(library: &'static Library) -> Result<&'static FlowrunPlugin, LibraryError> {
    library.table.0.lock().get_or_insert_with(|| load_with_timeout(library)).clone()
}

fn load_with_timeout(library: &'static Library) -> Result<&'static FlowrunPlugin, LibraryError> {
    let (done, loaded) = sync_channel(1);
    let load = move || {
        let _ = done.send(load(library));
    };
    let with_path = |error: LibraryError| {
        let message = format!("{}: {}", library.path.display(), error.message);
        LibraryError { message, ..error }
    };
    if let Err(error) = std::thread::Builder::new().name("plugin".to_owned()).spawn(load) {
        return Err(not_loaded(format_args!(
            "no thread could be started for {}: {error}",
            library.path.display()
        )));
    }
    match loaded.recv_timeout(LOAD_TIMEOUT) {
        Ok(result) => result.map_err(with_path),
        Err(RecvTimeoutError::Disconnected) => Err(with_path(not_loaded("the thread that loads it ended"))),
        Err(RecvTimeoutError::Timeout) => {
            let message =
                format!("the plugin did not return from `{SYMBOL}` within {} s", LOAD_TIMEOUT.as_secs());
            let help = "move long initialization to the construction of executors";
            Err(with_path(LibraryError::new(LibraryFault::InitHung, message).help(help)))
        }
    }
}

fn not_loaded(reason: impl std::fmt::Display) -> LibraryError {
    LibraryError::new(LibraryFault::NotLoaded, reason)
}

fn load(library: &Library) -> Result<&'static FlowrunPlugin, LibraryError> {
    let path = format!("/proc/self/fd/{}", library.file.as_raw_fd());
    // SAFETY: the author of the library is responsible for its initializers; its note and its hash were checked.
    let loaded = unsafe { DynamicLibrary::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
    let loaded = loaded.map_err(|error| {
        // The name of the memory file means nothing to users.
        let reason = error.to_string().replace(&format!("{path}: "), "");
        not_loaded(format_args!("the plugin cannot be loaded: {reason}"))
            .help("`ldd` lists the libraries that it needs; set LD_LIBRARY_PATH to their directory")
    })?;
    // SAFETY: a library with the note exports the function as declared in the header.
    let symbol = unsafe {
        loaded.get::<unsafe extern "C" fn(*const FlowrunHost) -> *const FlowrunPlugin>(SYMBOL.as_bytes())
    };
    let begin = *symbol.map_err(|error| LibraryError::new(LibraryFault::NoSymbol, error))?;
    // Never unloaded.
    std::mem::forget(loaded);
    host::clear_unusable_reason();
    // SAFETY: as above.
    let table = unsafe { begin(host::table()) };
    let table = check_table(table, &library.description.sdk)?;
    // SAFETY: the table is complete.
    let description = unsafe { (table.describe)().text() };
    let description: Option<Description> =
        serde_json::from_str(description.trim_end_matches(['\0', ' '])).ok();
    if description.as_ref() != Some(&library.description) {
        return Err(not_loaded("the description that the plugin returns differs from that in its note"));
    }
    Ok(table)
}

/// Checks the table that a plugin returned. A function that is null is undefined behaviour in Rust, so the fields are read
/// as plain pointers before there is a reference to the table.
fn check_table(table: *const FlowrunPlugin, sdk: &str) -> Result<&'static FlowrunPlugin, LibraryError> {
    if table.is_null() {
        return Err(unusable());
    }
    // SAFETY: the first two fields are the same in every version of the table, which is valid until the process ends.
    let (size, abi_version) = unsafe { ((*table).size, (*table).abi_version) };
    if abi_version != FLOWRUN_ABI_VERSION {
        return Err(wrong_version(abi_version, sdk));
    }
    if size < size_of::<FlowrunPlugin>() {
        let message = format!(
            "its table has {size} bytes, fewer than the {} of this version",
            size_of::<FlowrunPlugin>()
        );
        return Err(not_loaded(message));
    }
    // SAFETY: the table has all fields, and a pointer to a function has the size of any pointer.
    let functions: [(&str, *const c_void); 4] = unsafe {
        [
            ("describe", (&raw const (*table).describe).cast::<*const c_void>().read()),
            ("create", (&raw const (*table).create).cast::<*const c_void>().read()),
            ("execute", (&raw const (*table).execute).cast::<*const c_void>().read()),
            ("destroy", (&raw const (*table).destroy).cast::<*const c_void>().read()),
        ]
    };
    if let Some((name, _)) = functions.iter().find(|(_, function)| function.is_null()) {
        let message = format!("the table that the plugin's `{SYMBOL}` returned has no function `{name}`");
        return Err(LibraryError::new(LibraryFault::InitNull, message)
            .help("set it in the table of the plugin; only `close` may be null"));
    }
    // SAFETY: the table is complete, its functions are not null, and it is valid until the process ends.
    Ok(unsafe { &*table })
}

/// Error of a library whose entry point returned null.
fn unusable() -> LibraryError {
    match host::take_unusable_reason() {
        Some((FLOWRUN_PANIC, reason)) => LibraryError::new(
            LibraryFault::InitPanicked,
            format_args!("the plugin panicked in `{SYMBOL}`: {reason}"),
        ),
        Some((_, reason)) => {
            LibraryError::new(LibraryFault::InitNull, format_args!("the plugin cannot be used: {reason}"))
        }
        None => {
            LibraryError::new(LibraryFault::InitNull, format_args!("the plugin's `{SYMBOL}` returned null"))
        }
    }
}
