//! The plugin's side of a call: its arguments, and the functions of the host that report its outcome.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::status::status;
use super::table::{FLOWRUN_CANCELLED, FlowrunBytes, FlowrunCall, FlowrunHost};
use crate::{Cancellation, Documents, ErrorKind, ExecutorError, RequestParameters, protobuf};

/// Messages of up to this many bytes are copied, which is cheaper than having the host keep and release them.
const COPIED_BYTES_MAX: usize = 4096;

/// A call from the host.
pub(super) struct IncomingCall<'a> {
    host: &'static FlowrunHost,
    call: &'a FlowrunCall,
    /// Id of the request, as in logs.
    pub(super) request_id: &'a str,
    /// Endpoint of the request.
    pub(super) endpoint: &'a str,
}

impl<'a> IncomingCall<'a> {
    /// Wraps a call of the host; `None` if `call` or the host's table is null.
    ///
    /// # Safety
    /// `call` is null, or an argument of a function of the plugin that has not returned yet.
    pub(super) unsafe fn new(call: *const FlowrunCall) -> Option<Self> {
        // SAFETY: the caller guarantees it; the host's table is valid until the process ends.
        unsafe {
            let call = call.as_ref()?;
            let text = |bytes: FlowrunBytes| std::str::from_utf8(bytes.bytes()).unwrap_or_default();
            Some(Self {
                host: call.host.as_ref()?,
                call,
                request_id: text(call.request),
                endpoint: text(call.endpoint),
            })
        }
    }

    /// Parses the parameters of the request.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the host sent no JSON object.
    pub(super) fn parameters(&self) -> Result<RequestParameters, ExecutorError> {
        // SAFETY: valid until the call returns.
        let bytes = unsafe { self.call.parameters.bytes() };
        if matches!(bytes, b"" | b"{}") {
            return Ok(RequestParameters::new());
        }
        serde_json::from_slice(bytes).map_err(|error| {
            ExecutorError::new(ErrorKind::Internal, format_args!("the host sent invalid parameters: {error}"))
        })
    }

    /// Maximum number of bytes that the documents may occupy in memory.
    pub(super) fn bytes_max(&self) -> usize {
        saturated(self.call.bytes_max)
    }

    /// Returns the encoded list of documents, and the documents, which are decoded when they are first accessed.
    pub(super) fn documents(&self) -> (Bytes, Documents) {
        let bytes = self.call.documents;
        let list = match bytes.length {
            0 => Bytes::new(),
            // SAFETY: valid until the call returns.
            1..=COPIED_BYTES_MAX => Bytes::copy_from_slice(unsafe { bytes.bytes() }),
            _ => {
                // SAFETY: the call has not returned yet.
                let handle = unsafe { (self.host.keep_documents)(self.call) };
                Bytes::from_owner(KeptDocuments { host: self.host, handle, bytes })
            }
        };
        // The host encoded or validated the message.
        let (count, memory_bytes) = (saturated(self.call.count), saturated(self.call.memory));
        let documents = protobuf::unchecked_list(list.clone(), count, self.call.named, memory_bytes);
        (list, documents)
    }

    /// Deadline of the request; `None` for no deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let remaining = self.call.remaining_ns;
        (remaining != u64::MAX).then(|| Instant::now().checked_add(Duration::from_nanos(remaining))).flatten()
    }

    /// Cancellation that polls the host. [`Cancellation::stop_polling`] must be called before the call returns.
    pub(super) fn cancellation(&self) -> Cancellation {
        let (check, call) = (self.host.check, CallPointer(self.call));
        Cancellation::polled(move || {
            // Captures the wrapper, because the pointer itself is not `Send`.
            let CallPointer(call) = { &call };
            // SAFETY: polling stops before the call returns.
            unsafe { check(*call) == FLOWRUN_CANCELLED }
        })
    }

    /// Reports the cause of a failure to the host. Returns `status`, for the plugin's function to return.
    pub(super) fn fail(&self, status: u32, reason: &str) -> u32 {
        // SAFETY: the call has not returned yet, and the reason outlives this.
        unsafe { (self.host.fail)(self.call, status, FlowrunBytes::of(reason.as_bytes())) };
        status
    }

    /// Reports to the host that the documents with that id failed.
    pub(super) fn fail_document(&self, id: &str, error: &ExecutorError) {
        let (id, reason) = (FlowrunBytes::of(id.as_bytes()), FlowrunBytes::of(error.message().as_bytes()));
        // SAFETY: as above.
        unsafe { (self.host.fail_document)(self.call, id, status(error.kind()), reason) };
    }

    /// Sends a result besides the documents to the host. `value` is JSON.
    pub(super) fn result(&self, name: &str, value: &str) {
        let (name, value) = (FlowrunBytes::of(name.as_bytes()), FlowrunBytes::of(value.as_bytes()));
        // SAFETY: as above.
        unsafe { (self.host.result)(self.call, name, value) };
    }

    /// Replaces the documents of the call. The host reads `documents` without copying and releases them later.
    pub(super) fn answer(&self, documents: Bytes) {
        /// # Safety
        /// `owner` is the one that was passed to the host, and this is called once.
        unsafe extern "C" fn release(owner: *mut c_void) {
            // SAFETY: the caller guarantees it.
            drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
        }
        let owner = Box::new(documents);
        let bytes = FlowrunBytes::of(&owner);
        // SAFETY: the bytes are valid and unchanged until `release`.
        unsafe { (self.host.answer)(self.call, bytes, Some(release), Box::into_raw(owner).cast()) };
    }
}

/// Converts a number of the interface; saturates on 32-bit systems.
fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

struct CallPointer(*const FlowrunCall);

// SAFETY: the host's `check` may be called on any thread.
unsafe impl Send for CallPointer {}
// SAFETY: as above.
unsafe impl Sync for CallPointer {}

/// Documents that the host keeps valid until they are released.
struct KeptDocuments {
    host: &'static FlowrunHost,
    handle: *mut c_void,
    bytes: FlowrunBytes,
}

// SAFETY: the bytes do not change, and can be released on any thread.
unsafe impl Send for KeptDocuments {}

impl AsRef<[u8]> for KeptDocuments {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: valid until this is dropped.
        unsafe { self.bytes.bytes() }
    }
}

impl Drop for KeptDocuments {
    fn drop(&mut self) {
        // SAFETY: called once, with the handle of `keep_documents`.
        unsafe { (self.host.release_documents)(self.handle) }
    }
}
