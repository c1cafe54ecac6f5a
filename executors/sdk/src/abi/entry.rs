//! The plugin's side: its table of functions and its entry point.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::export::Library;
use super::exported_executor::{close, create, destroy, execute};
use super::host_log;
use super::table::{
    FLOWRUN_ABI_VERSION, FLOWRUN_INTERNAL, FLOWRUN_PANIC, FlowrunBytes, FlowrunHost, FlowrunPlugin,
};
use crate::panic_message;

/// Builds the table of functions that a library returns to the host.
pub const fn plugin_table<L: Library>() -> FlowrunPlugin {
    FlowrunPlugin {
        size: size_of::<FlowrunPlugin>(),
        abi_version: FLOWRUN_ABI_VERSION,
        describe: describe::<L>,
        create: create::<L>,
        execute,
        close: Some(close),
        destroy,
    }
}

unsafe extern "C" fn describe<L: Library>() -> FlowrunBytes {
    FlowrunBytes::of(L::json())
}

/// Body of the entry point: redirects log lines to the host and initializes the library. Returns `table`; null if `host`
/// is null, or, after the cause was reported to the host, if the initialization failed or panicked.
///
/// # Safety
/// `host` is null or points to the host's table, which is valid until the process ends.
pub unsafe fn start_plugin<L: Library>(
    host: *const FlowrunHost,
    table: &'static FlowrunPlugin,
) -> *const FlowrunPlugin {
    // SAFETY: the caller guarantees it.
    let Some(host) = (unsafe { host.as_ref() }) else { return std::ptr::null() };
    let unusable = |kind: u32, reason: &str| {
        // SAFETY: the reason outlives the call.
        unsafe { (host.unusable)(kind, FlowrunBytes::of(reason.as_bytes())) };
        std::ptr::null()
    };
    let init = || {
        host_log::install(host);
        L::init()
    };
    match catch_unwind(AssertUnwindSafe(init)) {
        Ok(Ok(())) => table,
        Ok(Err(error)) => unusable(FLOWRUN_INTERNAL, &error.to_string()),
        Err(payload) => unusable(FLOWRUN_PANIC, panic_message(&*payload)),
    }
}
