//! Stage 6, serve: a running flow for the clients of Jina 3.
//!
//! Every port speaks gRPC, HTTP and WebSocket. What happens to a connection reads top to bottom in [`listen`], what
//! happens to a request in [`Gateway::ask`]: let in or refused at once ([`admission`]), given a deadline, routed by
//! what it speaks ([`grpc`], [`http`], [`websocket`]), submitted to the flow, answered in the schema it came in
//! ([`wire`]).
//!
//! Deliberately not here: opening of pickles, whatever they are called; redirects; anything that writes.

mod admission;
mod arriving;
mod departing;
mod exchange;
mod facts;
mod grpc;
mod http;
mod info;
mod linger;
mod listen;
mod metrics;
mod pages;
mod partial;
mod refusing;
mod security;
mod service;
mod tls;
mod traces;
mod websocket;
pub(crate) mod wire;

pub use listen::{Server, serve};
pub use metrics::{METRICS, Metric};
pub(crate) use pages::LogFields;
pub use pages::{LogStream, MakeThumbnail};
pub use security::{Token, UnsafeBind, check_bind};
pub use service::Gateway;
pub use tls::{Tls, TlsError};
pub use traces::{Collector, CollectorError, TraceExporter};
