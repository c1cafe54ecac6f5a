//! Remote executors: executors, heads and gateways of Jina 3, and flows served by flowrun, called over gRPC.
//!
//! A [`Channel`] is one HTTP/2 connection. An `Endpoint` is an address with its connection, and the `LoadBalancer` selects
//! one of several endpoints (replicas) for each call. `flowrun_wire` defines the messages. Addresses in requests,
//! service discovery and listening sockets are deliberately not supported here.

mod address;
mod backends;
mod backoff;
mod channel;
mod endpoint;
mod executor;
mod health_check;
mod load_balancer;
mod metadata;
mod outgoing_call;
mod parameters;
mod peer;
mod tls_problem;
mod trust;

pub use address::{Address, InvalidAddress};
pub use channel::{CallError, Channel, EncodedMessage, Unreachable};
pub use executor::REMOTE_EXECUTOR;
pub use trust::TrustStore;

/// The executor types of this crate.
pub const EXECUTORS: &[flowrun_sdk::ExecutorType] = &[REMOTE_EXECUTOR.with_plain_description()];
