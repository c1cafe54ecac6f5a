//! Messages between clients and the gateway, and what they mean.
//!
//! Requests carry documents of one of two schemas, and nothing says which: [`Schema`] looks. Answers go back in the
//! schema that came.

mod caller;
mod client;
mod deadline;
mod json;
mod reply;
mod request;
mod status;

pub(super) use caller::{Caller, REQUEST_ID, TraceParent};
pub(crate) use client::{check_status, decode_reply, encode_request};
pub(crate) use flowrun_wire::jina;
pub(super) use json::{Form, JsonDocument, read_documents};
pub(super) use reply::{data_reply, refused};
pub(super) use request::{Envelope, joined, timeout_of};
pub(super) use status::Status;
