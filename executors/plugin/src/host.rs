//! The host's side of the boundary: what a plugin may call.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::OnceLock;

use bytes::Bytes;
use flowrun_sdk::abi::{
    FLOWRUN_ABI_VERSION, FLOWRUN_INTERNAL, FLOWRUN_LOG_DEBUG, FLOWRUN_LOG_ERROR, FLOWRUN_LOG_INFO,
    FLOWRUN_LOG_OFF, FLOWRUN_LOG_TRACE, FLOWRUN_LOG_WARN, FLOWRUN_OK, FlowrunBytes, FlowrunCall, FlowrunHost,
    kind, status,
};
use flowrun_sdk::{Counter, ExecutorError, Health, Metrics, tracing};
use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;

use crate::call::Given;

/// Where an executor of a plugin stands.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// The parameter to blame, and the reason, while it is created.
    pub(crate) refusal: Mutex<Option<(String, String)>>,
}

thread_local! {
    /// Why the library that this thread loads cannot be used.
    static REASON: RefCell<Option<(u32, String)>> = const { RefCell::new(None) };
}

/// Nothing was said yet.
pub(crate) fn forget_reason() {
    REASON.take();
}

/// What the library that this thread loaded said of why it cannot be used.
pub(crate) fn reason() -> Option<(u32, String)> {
    REASON.take()
}

/// The host's table. Made when the first library is loaded, because how much is logged is known by then.
pub(crate) fn table() -> &'static FlowrunHost {
    static TABLE: OnceLock<FlowrunHost> = OnceLock::new();
    TABLE.get_or_init(make)
}

fn make() -> FlowrunHost {
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

/// A text of the plugin's.
///
/// # Safety
/// It is valid for the moment.
unsafe fn text(bytes: FlowrunBytes) -> String {
    // SAFETY: as whoever calls promises.
    unsafe { bytes.text() }.into_owned()
}

unsafe extern "C" fn log(level: u32, target: FlowrunBytes, message: FlowrunBytes) {
    // SAFETY: as the header says.
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
    // SAFETY: as the header says.
    REASON.set(Some((kind, unsafe { text(reason) })));
}

/// The site that a plugin names.
///
/// # Safety
/// It is the one that its executor was created with, which is not destroyed yet.
unsafe fn site<'a>(site: *mut c_void) -> Option<&'a Site> {
    // SAFETY: as whoever calls promises.
    unsafe { site.cast::<Site>().as_ref() }
}

unsafe extern "C" fn refuse(at: *mut c_void, parameter: FlowrunBytes, reason: FlowrunBytes) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(site) = site(at) {
            *site.refusal.lock() = Some((text(parameter), text(reason)));
        }
    }
}

unsafe extern "C" fn count(at: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, more: u64) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(site) = site(at) {
            let counter: Counter = site.metrics.counter(&name.text(), &help.text());
            counter.add(more);
        }
    }
}

unsafe extern "C" fn gauge(at: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, value: f64) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(site) = site(at) {
            site.metrics.gauge(&name.text(), &help.text()).set(value);
        }
    }
}

unsafe extern "C" fn health(at: *mut c_void, reason: FlowrunBytes) {
    // SAFETY: as the header says.
    unsafe {
        let Some(site) = site(at) else { return };
        match text(reason) {
            reason if reason.is_empty() => site.health.set_healthy(),
            reason => site.health.set_unhealthy(reason),
        }
    }
}

/// The call that a plugin names.
///
/// # Safety
/// It is the one that it was given, which has not returned yet.
unsafe fn given<'a>(call: *const FlowrunCall) -> Option<&'a Given> {
    // SAFETY: as whoever calls promises.
    unsafe { call.as_ref()?.handle.cast::<Given>().as_ref() }
}

unsafe extern "C" fn check(call: *const FlowrunCall) -> u32 {
    // SAFETY: as the header says.
    let given = unsafe { given(call) };
    given.map_or(FLOWRUN_INTERNAL, |given| match given.budget.check() {
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
        Some(release) => Bytes::from_owner(Lent { bytes: documents, release, owner }),
    };
    // SAFETY: as the header says.
    let Some(given) = (unsafe { given(call) }) else { return FLOWRUN_INTERNAL };
    if given.answer(&bytes) { FLOWRUN_OK } else { FLOWRUN_INTERNAL }
}

/// Bytes that a plugin lent us.
struct Lent {
    bytes: FlowrunBytes,
    release: unsafe extern "C" fn(owner: *mut c_void),
    owner: *mut c_void,
}

// SAFETY: the bytes do not change, and are given back on any thread.
unsafe impl Send for Lent {}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: valid until they are given back.
        unsafe { self.bytes.bytes() }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // SAFETY: once, with what came with it.
        unsafe { (self.release)(self.owner) }
    }
}

unsafe extern "C" fn fail(call: *const FlowrunCall, _: u32, reason: FlowrunBytes) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(given) = given(call) {
            given.reason(text(reason));
        }
    }
}

unsafe extern "C" fn fail_document(
    call: *const FlowrunCall,
    id: FlowrunBytes,
    of: u32,
    reason: FlowrunBytes,
) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(given) = given(call) {
            given.fail_document(text(id), ExecutorError::new(kind(of), text(reason)));
        }
    }
}

unsafe extern "C" fn result(call: *const FlowrunCall, name: FlowrunBytes, value: FlowrunBytes) {
    // SAFETY: as the header says.
    unsafe {
        if let Some(given) = given(call) {
            given.result(text(name), &value.text());
        }
    }
}

unsafe extern "C" fn keep_documents(call: *const FlowrunCall) -> *mut c_void {
    // SAFETY: as the header says.
    let given = unsafe { given(call) };
    given.map_or(std::ptr::null_mut(), |given| Box::into_raw(Box::new(given.documents.clone())).cast())
}

unsafe extern "C" fn release_documents(kept: *mut c_void) {
    if !kept.is_null() {
        // SAFETY: made by `keep_documents`, and given up once.
        drop(unsafe { Box::from_raw(kept.cast::<Bytes>()) });
    }
}
