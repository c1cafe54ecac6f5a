//! Messages between clients and the gateway, as protobuf and as JSON.
//!
//! The documents of a request have docarray's first schema (versions before 0.30) or its second. The request does not
//! name it, so [`Schema`](flowrun_wire::Schema) infers it. A reply has the schema of its request.

#[cfg(test)]
mod bounds;
mod charged_buffer;
mod client;
mod decoding;
#[cfg(test)]
mod fuzz;
pub(super) mod json_document;
mod json_documents;
mod json_fields;
mod json_head;
pub(super) mod json_message;
mod json_numbers;
pub(super) mod json_request;
mod json_value;
mod reply;
mod request;
mod schema2;

pub(crate) use client::{check_status, decode_reply, encode_request};
pub(super) use decoding::{decode_budget, decode_parameters, decode_rejection, too_many_documents};
pub(crate) use flowrun_wire::jina;
pub(super) use reply::{data_reply, rejected_reply};
pub(super) use request::{Envelope, joined_request};
