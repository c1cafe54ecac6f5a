//! gRPC client of a service: flowrun's gateway or Jina's.
//!
//! A [`Client`] is a connection. It sends unary calls ([`Client::send`]); a [`RequestStream`] on it is a bidirectional
//! stream with many requests in flight, whose replies arrive in any order. [`Load`] is the load generator of `flowrun
//! bench`. The client never retries: only its caller knows whether a request is safe to repeat. [`ClientError`]
//! distinguishes rejected requests from those whose connection was lost and those that failed in the flow.

mod connection;
mod error;
mod load;
mod request_stream;

pub use connection::Client;
pub use error::ClientError;
pub use load::{Load, LoadReport, Pacing};
pub use request_stream::RequestStream;
