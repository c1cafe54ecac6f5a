//! Executors that run elsewhere: any executor, head or gateway of Jina 3, and any flow that flowrun serves, called
//! over gRPC.
//!
//! A [`Channel`] is one connection; a place is an address with the connection that it has or will have; several of
//! them are the replicas that a call may go to. What goes over the wire is said by `flowrun_wire`. Deliberately
//! not here: addresses that come with a request, discovery of services, anything that listens.

mod address;
mod attempt;
mod backoff;
mod channel;
mod executor;
mod link;
mod metadata;
mod parameters;
mod place;
mod places;
mod trust;
mod watch;

pub use address::{Address, NoAddress};
pub use channel::{Channel, NoReply, Unreachable, Written};
pub use executor::REMOTE_EXECUTOR;
pub use trust::Trust;

/// Every executor of this family.
pub const EXECUTORS: &[flowrun_sdk::ExecutorType] = &[REMOTE_EXECUTOR];
