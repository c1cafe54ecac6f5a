//! Messages between clients and the gateway, as protobuf and as JSON.
//!
//! A request has documents in docarray's first or second schema without naming it: [`Schema`](flowrun_wire::Schema)
//! infers it. A reply has the schema of its request.

mod client;
#[cfg(test)]
mod fuzz;
pub(super) mod json_document;
pub(super) mod json_message;
mod reply;
mod request;
mod schema2;

pub(crate) use client::{check_status, decode_reply, encode_request};
pub(crate) use flowrun_wire::jina;
pub(super) use reply::{data_reply, rejected_reply};
pub(super) use request::{Envelope, joined_request};
