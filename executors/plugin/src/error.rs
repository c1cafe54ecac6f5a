//! Errors of libraries that several modules report.

use flowrun_sdk::abi::FLOWRUN_ABI_VERSION;
use flowrun_sdk::{LibraryError, LibraryFault};

/// Error of a library that uses another `version` of the plugin interface. `sdk` is the SDK that its note states (a version,
/// or `c`); empty if that is unknown.
pub(crate) fn wrong_version(version: u32, sdk: &str) -> LibraryError {
    let with = if sdk.is_empty() { String::new() } else { format!(" (built with SDK {sdk})") };
    let message = format!(
        "the plugin uses version {version} of the plugin interface{with}; flowrun {} supports version {FLOWRUN_ABI_VERSION}",
        env!("CARGO_PKG_VERSION")
    );
    LibraryError::new(LibraryFault::WrongVersion, message)
        .help("build the plugin with the SDK of this flowrun: `flowrun new executor NAME` includes it")
}
