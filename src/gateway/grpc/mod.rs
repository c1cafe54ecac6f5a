//! gRPC: the services of Jina's gateway, and the standard ones for health and reflection.
//!
//! Methods are routes of the same router as HTTP, so that one port serves both. Messages with documents are read by
//! [`message_reader`]; the crate `tonic` implements everything else of the protocol.

pub(super) mod call;
mod call_options;
pub(super) mod codec;
mod discovery;
pub(super) mod health;
mod message_reader;
pub(super) mod reflection;
mod services;
pub(super) mod stream_doc;
pub(super) mod unary;
