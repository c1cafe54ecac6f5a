//! The plugin's side of a call: what the host gives, and what is said to it meanwhile.

use std::ffi::c_void;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::status;
use super::table::{FlowrunBytes, FlowrunCall, FlowrunHost};
use crate::{Cancellation, Documents, ErrorKind, ExecutorError, RequestParameters, protobuf};

/// Messages up to here are copied, which is cheaper than to keep them and to give them back.
const COPIED_BYTES_MAX: usize = 4096;

/// What the host gives for a call.
pub(super) struct Given<'a> {
    host: &'static FlowrunHost,
    pub(super) call: &'a FlowrunCall,
    pub(super) request: &'a str,
    pub(super) endpoint: &'a str,
}

impl<'a> Given<'a> {
    /// # Safety
    /// The host gave it, and it has not returned yet.
    pub(super) unsafe fn of(call: *const FlowrunCall) -> Option<Self> {
        // SAFETY: as whoever calls promises; the host's table is valid until the process ends.
        unsafe {
            let call = call.as_ref()?;
            let text = |bytes: FlowrunBytes| std::str::from_utf8(bytes.bytes()).unwrap_or_default();
            Some(Self {
                host: call.host.as_ref()?,
                call,
                request: text(call.request),
                endpoint: text(call.endpoint),
            })
        }
    }

    pub(super) fn parameters(&self) -> Result<RequestParameters, ExecutorError> {
        // SAFETY: valid until the call returns.
        let bytes = unsafe { self.call.parameters.bytes() };
        if matches!(bytes, b"" | b"{}") {
            return Ok(RequestParameters::new());
        }
        serde_json::from_slice(bytes).map_err(|error| unreadable("parameters", &error))
    }

    /// The documents, and the message that they are.
    pub(super) fn documents(&self) -> (Bytes, Documents) {
        let given = self.call.documents;
        let list = match given.length {
            0 => Bytes::new(),
            // SAFETY: valid until the call returns.
            1..=COPIED_BYTES_MAX => Bytes::copy_from_slice(unsafe { given.bytes() }),
            _ => {
                // SAFETY: the call has not returned yet.
                let handle = unsafe { (self.host.keep_documents)(self.call) };
                Bytes::from_owner(Kept { host: self.host, handle, bytes: given })
            }
        };
        // The host made it, or looked through it.
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let call = self.call;
        let documents =
            protobuf::unchecked_list(list.clone(), number(call.count), call.named, number(call.memory));
        (list, documents)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let remaining = self.call.remaining_ns;
        (remaining != u64::MAX).then(|| Instant::now().checked_add(Duration::from_nanos(remaining))).flatten()
    }

    pub(super) fn cancellation(&self) -> Cancellation {
        let (check, call) = (self.host.check, CallPointer(self.call));
        Cancellation::polled(move || {
            // Captured whole: the pointer alone may not be sent.
            let CallPointer(call) = { &call };
            // SAFETY: it is forgotten before the call returns.
            unsafe { check(*call) == super::FLOWRUN_CANCELLED }
        })
    }

    pub(super) fn fail(&self, status: u32, reason: &str) -> u32 {
        // SAFETY: the call has not returned yet, and the reason outlives this.
        unsafe { (self.host.fail)(self.call, status, FlowrunBytes::of(reason.as_bytes())) };
        status
    }

    pub(super) fn fail_document(&self, id: &str, error: &ExecutorError) {
        let (id, reason) = (FlowrunBytes::of(id.as_bytes()), FlowrunBytes::of(error.message().as_bytes()));
        // SAFETY: as above.
        unsafe { (self.host.fail_document)(self.call, id, status(error.kind()), reason) };
    }

    pub(super) fn result(&self, name: &str, value: &str) {
        let (name, value) = (FlowrunBytes::of(name.as_bytes()), FlowrunBytes::of(value.as_bytes()));
        // SAFETY: as above.
        unsafe { (self.host.result)(self.call, name, value) };
    }

    pub(super) fn answer(&self, documents: Bytes) {
        /// # Safety
        /// `owner` is what `answer` gave, and this is called once.
        unsafe extern "C" fn release(owner: *mut c_void) {
            // SAFETY: as whoever calls promises.
            drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
        }
        let owner = Box::new(documents);
        let bytes = FlowrunBytes::of(&owner);
        // SAFETY: the bytes stay where they are until `release`.
        unsafe { (self.host.answer)(self.call, bytes, Some(release), Box::into_raw(owner).cast()) };
    }
}

fn unreadable(what: &str, error: &dyn std::fmt::Display) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, format_args!("the {what} cannot be read: {error}"))
}

struct CallPointer(*const FlowrunCall);

// SAFETY: the host's `check` may be called on any thread.
unsafe impl Send for CallPointer {}
// SAFETY: as above.
unsafe impl Sync for CallPointer {}

/// Documents that the host keeps for us.
struct Kept {
    host: &'static FlowrunHost,
    handle: *mut c_void,
    bytes: FlowrunBytes,
}

// SAFETY: the bytes do not change, and are given up on any thread.
unsafe impl Send for Kept {}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: kept until this is dropped.
        unsafe { self.bytes.bytes() }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: called once, with what was kept.
        unsafe { (self.host.release_documents)(self.handle) }
    }
}
