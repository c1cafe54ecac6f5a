//! Stage 6, serve: a running flow for Jina 3 clients.
//!
//! Every port serves gRPC, HTTP and WebSocket. A connection is accepted in [`listen`] and routed in [`router`]. A
//! request is admitted or rejected ([`admission`]), gets a deadline, is decoded by its protocol ([`grpc`], [`http`],
//! [`websocket`]), submitted to the flow ([`Gateway`]), and answered in the document schema of the request ([`wire`]).
//!
//! The gateway never opens Python pickles, never redirects, and has no route that changes the flow.

mod admission;
mod browsers;
mod bytes_permit;
mod call_metadata;
mod client_schema;
mod connection_limit;
mod connection_meter;
mod error_text;
mod flow_info;
mod freed_memory;
mod grpc;
mod http;
mod ids;
mod inflate;
mod json_response;
mod linger;
mod listen;
mod message_buffer;
mod metrics;
mod offload;
mod pages;
mod partial_failure;
mod rejection_limiter;
mod request;
mod request_body;
mod response_body;
mod router;
mod security;
mod server_paths;
mod service;
mod session;
mod shutdown_phase;
mod status;
mod streaming;
mod timeout_headers;
mod tls;
mod traces;
mod unread_body;
mod unwritten_replies;
mod version_info;
mod websocket;
pub(crate) mod wire;

pub use listen::{Server, serve};
pub use metrics::{METRICS, Metric};
pub(crate) use pages::log_stream::LogFields;
pub use pages::log_stream::LogStream;
pub use pages::media_tools::{MakePreview, MakeThumbnail, MediaOptions, MediaTools};
pub use security::{Token, Tokens, UnsafeBind, check_bind};
pub use service::Gateway;
pub use tls::{Tls, TlsError};
pub use traces::{Collector, CollectorError, TraceExporter};
