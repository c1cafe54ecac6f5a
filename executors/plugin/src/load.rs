//! Loads a library, once, under the eyes of a watch: a library that does not come back costs a thread.

use std::os::fd::AsRawFd as _;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use flowrun_sdk::abi::{Description, FLOWRUN_ABI_VERSION, FLOWRUN_PANIC, FlowrunHost, FlowrunPlugin};
use flowrun_sdk::{LibraryError, LibraryFault};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use parking_lot::Mutex;

use crate::error::wrong_version;
use crate::host;
use crate::inspect::SYMBOL;
use crate::opened::Opened;

/// How long loading a library and its first function may take. Those who wait for a flow are told within five seconds.
const LOAD_TIMEOUT: Duration = Duration::from_secs(4);

/// A library's functions, or why it has none: found out once.
#[derive(Default)]
pub(crate) struct Loading(Mutex<Option<Result<&'static FlowrunPlugin, LibraryError>>>);

impl std::fmt::Debug for Loading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loading")
    }
}

impl Loading {
    /// The library's functions. The first who asks loads it; the others wait.
    pub(crate) fn table(&self, library: &'static Opened) -> Result<&'static FlowrunPlugin, LibraryError> {
        self.0.lock().get_or_insert_with(|| watched(library)).clone()
    }
}

fn watched(library: &'static Opened) -> Result<&'static FlowrunPlugin, LibraryError> {
    let (done, loaded) = sync_channel(1);
    let load = move || {
        let _ = done.send(load(library));
    };
    let about = |error: LibraryError| {
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
        Ok(result) => result.map_err(about),
        Err(RecvTimeoutError::Disconnected) => Err(about(not_loaded("the thread that loads it ended"))),
        Err(RecvTimeoutError::Timeout) => {
            let message =
                format!("the plugin did not return from `{SYMBOL}` within {} s", LOAD_TIMEOUT.as_secs());
            let help = "what takes long belongs where executors are created";
            Err(about(LibraryError::new(LibraryFault::InitHung, message).help(help)))
        }
    }
}

fn not_loaded(reason: impl std::fmt::Display) -> LibraryError {
    LibraryError::new(LibraryFault::NotLoaded, reason)
}

fn load(opened: &Opened) -> Result<&'static FlowrunPlugin, LibraryError> {
    let path = format!("/proc/self/fd/{}", opened.file.as_raw_fd());
    // SAFETY: what the library does when it is loaded is its author's to answer for; its note and its hash were checked.
    let library = unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| {
        // It was loaded from memory, whose name tells nobody anything.
        let reason = error.to_string().replace(&format!("{path}: "), "");
        not_loaded(format_args!("the plugin cannot be loaded: {reason}"))
            .help("`ldd` says which libraries it needs; those beside it are found by LD_LIBRARY_PATH")
    })?;
    // SAFETY: whoever carries our note exports it as the header has it.
    let symbol = unsafe {
        library.get::<unsafe extern "C" fn(*const FlowrunHost) -> *const FlowrunPlugin>(SYMBOL.as_bytes())
    };
    let begin = *symbol.map_err(|error| LibraryError::new(LibraryFault::NoSymbol, error))?;
    // Mapped until the process ends.
    std::mem::forget(library);
    host::forget_reason();
    // SAFETY: as above.
    let table = unsafe { begin(host::table()) };
    // SAFETY: the table stays where it is until the process ends.
    let Some(table) = (unsafe { table.as_ref() }) else { return Err(unusable()) };
    if table.abi_version != FLOWRUN_ABI_VERSION {
        return Err(wrong_version(table.abi_version, &opened.description.sdk));
    }
    if table.size < size_of::<FlowrunPlugin>() {
        let message = format!(
            "its table has {} bytes, fewer than the {} of this version",
            table.size,
            size_of::<FlowrunPlugin>()
        );
        return Err(not_loaded(message));
    }
    // SAFETY: the function is of a table that is whole.
    let told = unsafe { (table.describe)().text() };
    let told: Option<Description> = serde_json::from_str(told.trim_end_matches(['\0', ' '])).ok();
    if told.as_ref() != Some(&opened.description) {
        return Err(not_loaded("what the plugin says of itself is not what its note says"));
    }
    Ok(table)
}

/// Why the first function returned nothing.
fn unusable() -> LibraryError {
    match host::reason() {
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
