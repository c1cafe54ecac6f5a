//! The host's side of the interface: the functions that a plugin may call.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;

use bytes::Bytes;
use flowrun_sdk::abi::{
    FLOWRUN_ABI_VERSION, FLOWRUN_INTERNAL, FLOWRUN_LOG_DEBUG, FLOWRUN_LOG_ERROR, FLOWRUN_LOG_INFO,
    FLOWRUN_LOG_OFF, FLOWRUN_LOG_TRACE, FLOWRUN_LOG_WARN, FLOWRUN_OK, FlowrunBytes, FlowrunCall, FlowrunHost,
    error_kind, status,
};
use flowrun_sdk::{Counter, ExecutorError, Health, Metrics, tracing};
use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;

use crate::plugin_call::PluginCall;

/// Environment of an executor of a plugin: the target of its calls to `refuse`, `count`, `gauge` and `condition`.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// Invalid parameter and cause, reported while the executor is created.
    pub(crate) refusal: Mutex<Option<(String, String)>>,
}

thread_local! {
    /// Status (`FLOWRUN_…`) and reason why the library that this thread initializes cannot be used.
    static UNUSABLE_REASON: RefCell<Option<(u32, String)>> = const { RefCell::new(None) };
}

/// Clears the reason before a library is initialized.
pub(crate) fn clear_unusable_reason() {
    UNUSABLE_REASON.take();
}

/// Takes the status and the reason why the library that this thread initialized cannot be used; `None` if it reported none.
pub(crate) fn take_unusable_reason() -> Option<(u32, String)> {
    UNUSABLE_REASON.take()
}

/// Returns the host's table. It is created for the first library, after the log level was configured.
pub(crate) fn table() -> &'static FlowrunHost {
    static TABLE: OnceLock<FlowrunHost> = OnceLock::new();
    TABLE.get_or_init(create_table)
}

fn create_table() -> FlowrunHost {
    let log_level = match LevelFilter::current() {
        LevelFilter::OFF => FLOWRUN_LOG_OFF,
        LevelFilter::ERROR => FLOWRUN_LOG_ERROR,
        LevelFilter::WARN => FLOWRUN_LOG_WARN,
        LevelFilter::INFO => FLOWRUN_LOG_INFO,
        LevelFilter::DEBUG => FLOWRUN_LOG_DEBUG,
        LevelFilter::TRACE => FLOWRUN_LOG_TRACE,
    };
    FlowrunHost {
        size: size_of::<FlowrunHost>(),
        abi_version: FLOWRUN_ABI_VERSION,
        log_level,
        log,
        unusable,
        refuse,
        count,
        gauge,
        condition: health,
        check,
        answer,
        fail,
        fail_document,
        result,
        keep_documents,
        release_documents,
    }
}

/// Copies a text of the plugin.
///
/// # Safety
/// The text is valid.
unsafe fn text(bytes: FlowrunBytes) -> String {
    // SAFETY: the caller guarantees it.
    unsafe { bytes.text() }.into_owned()
}

unsafe extern "C" fn log(level: u32, target: FlowrunBytes, message: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    let (target, message) = unsafe { (text(target), text(message)) };
    match level {
        FLOWRUN_LOG_ERROR => tracing::error!(plugin = target, "{message}"),
        FLOWRUN_LOG_WARN => tracing::warn!(plugin = target, "{message}"),
        FLOWRUN_LOG_INFO => tracing::info!(plugin = target, "{message}"),
        FLOWRUN_LOG_DEBUG => tracing::debug!(plugin = target, "{message}"),
        _ => tracing::trace!(plugin = target, "{message}"),
    }
}

unsafe extern "C" fn unusable(kind: u32, reason: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    UNUSABLE_REASON.set(Some((kind, unsafe { text(reason) })));
}

/// Borrows the environment of an executor.
///
/// # Safety
/// `site` is the handle that the executor was created with, and the executor is not destroyed yet.
unsafe fn site<'a>(site: *mut c_void) -> Option<&'a Site> {
    // SAFETY: the caller guarantees it.
    unsafe { site.cast::<Site>().as_ref() }
}

unsafe extern "C" fn refuse(handle: *mut c_void, parameter: FlowrunBytes, reason: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(site) = site(handle) {
            *site.refusal.lock() = Some((text(parameter), text(reason)));
        }
    }
}

unsafe extern "C" fn count(handle: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, more: u64) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(site) = site(handle) {
            let counter: Counter = site.metrics.counter(&name.text(), &help.text());
            counter.add(more);
        }
    }
}

unsafe extern "C" fn gauge(handle: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, value: f64) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(site) = site(handle) {
            site.metrics.gauge(&name.text(), &help.text()).set(value);
        }
    }
}

unsafe extern "C" fn health(handle: *mut c_void, reason: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    unsafe {
        let Some(site) = site(handle) else { return };
        match text(reason) {
            reason if reason.is_empty() => site.health.set_healthy(),
            reason => site.health.set_unhealthy(reason),
        }
    }
}

/// Borrows a call.
///
/// # Safety
/// `call` is null or an argument of a function of the plugin that has not returned yet.
unsafe fn plugin_call<'a>(call: *const FlowrunCall) -> Option<&'a PluginCall> {
    // SAFETY: the caller guarantees it.
    unsafe { call.as_ref()?.handle.cast::<PluginCall>().as_ref() }
}

unsafe extern "C" fn check(call: *const FlowrunCall) -> u32 {
    // SAFETY: the plugin follows the header.
    let plugin_call = unsafe { plugin_call(call) };
    plugin_call.map_or(FLOWRUN_INTERNAL, |plugin_call| match plugin_call.budget.check() {
        Ok(()) => FLOWRUN_OK,
        Err(error) => status(error.kind()),
    })
}

unsafe extern "C" fn answer(
    call: *const FlowrunCall,
    documents: FlowrunBytes,
    release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
    owner: *mut c_void,
) -> u32 {
    let bytes = match release {
        // SAFETY: valid until this returns.
        None => Bytes::copy_from_slice(unsafe { documents.bytes() }),
        Some(release) => Bytes::from_owner(LentBytes { bytes: documents, release, owner }),
    };
    // SAFETY: the plugin follows the header.
    let Some(plugin_call) = (unsafe { plugin_call(call) }) else { return FLOWRUN_INTERNAL };
    if plugin_call.set_answer(&bytes) { FLOWRUN_OK } else { FLOWRUN_INTERNAL }
}

/// Bytes that a plugin lends until they are released.
struct LentBytes {
    bytes: FlowrunBytes,
    release: unsafe extern "C" fn(owner: *mut c_void),
    owner: *mut c_void,
}

// SAFETY: the bytes do not change, and can be released on any thread.
unsafe impl Send for LentBytes {}

impl AsRef<[u8]> for LentBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: valid until they are released.
        unsafe { self.bytes.bytes() }
    }
}

impl Drop for LentBytes {
    fn drop(&mut self) {
        // SAFETY: called once, with the owner of the bytes.
        unsafe { (self.release)(self.owner) }
    }
}

unsafe extern "C" fn fail(call: *const FlowrunCall, _: u32, reason: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(plugin_call) = plugin_call(call) {
            plugin_call.set_reason(text(reason));
        }
    }
}

unsafe extern "C" fn fail_document(
    call: *const FlowrunCall,
    id: FlowrunBytes,
    status: u32,
    reason: FlowrunBytes,
) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(plugin_call) = plugin_call(call) {
            plugin_call.fail_document(text(id), ExecutorError::new(error_kind(status), text(reason)));
        }
    }
}

unsafe extern "C" fn result(call: *const FlowrunCall, name: FlowrunBytes, value: FlowrunBytes) {
    // SAFETY: the plugin follows the header.
    unsafe {
        if let Some(plugin_call) = plugin_call(call) {
            plugin_call.set_result(text(name), &value.text());
        }
    }
}

unsafe extern "C" fn keep_documents(call: *const FlowrunCall) -> *mut c_void {
    // SAFETY: the plugin follows the header.
    let plugin_call = unsafe { plugin_call(call) };
    plugin_call.map_or(std::ptr::null_mut(), |plugin_call| {
        Box::into_raw(Box::new(plugin_call.documents.clone())).cast()
    })
}

unsafe extern "C" fn release_documents(kept: *mut c_void) {
    if !kept.is_null() {
        // SAFETY: `keep_documents` made it, and it is released once.
        drop(unsafe { Box::from_raw(kept.cast::<Bytes>()) });
    }
}
