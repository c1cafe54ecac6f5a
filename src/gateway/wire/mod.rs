//! Messages between clients and the gateway, and what they mean.
//!
//! Requests carry documents of one of two schemas, and nothing says which: [`sniff`] looks. Answers go back in the
//! schema that came.

mod ask;
mod caller;
mod deadline;
mod fields;
mod json;
mod reply;
mod request;
mod sniff;
mod status;
mod v1;
mod v2;

pub(crate) use ask::{answer, ask};
pub(super) use caller::{Caller, REQUEST_ID, TraceParent};
pub(super) use json::{Form, JsonDocument, read_documents};
pub(super) use reply::{data_reply, decode_document, encode_document, refused};
pub(super) use request::{Envelope, joined, timeout_of};
pub(super) use sniff::Schema;
pub(super) use status::Status;

/// The messages of `proto/jina.proto`; documents in them are bytes.
#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
pub(crate) mod jina {
    include!(concat!(env!("OUT_DIR"), "/jina.rs"));
}

/// The messages of `proto/docarray2.proto`.
#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
mod docarray2 {
    include!(concat!(env!("OUT_DIR"), "/docarray2.rs"));
}
