//! The parent's side: starts, supervises and calls child processes.
//!
//! A [`ChildSpec`](child_spec::ChildSpec) describes a child. `handshake` starts its process and waits until it is ready.
//! A [`ChildConnection`](connection::ChildConnection) is one running child. The
//! [`Supervisor`](supervisor::Supervisor) replaces a child that died, and `executor` sends it the calls of a pod. The
//! [`guardian`] is a separate process that kills everything the children started if this process crashes.

pub(crate) mod child_spec;
pub(crate) mod environment;
pub(crate) mod executor;
pub(crate) mod guardian;

mod child_process;
mod connection;
mod handshake;
mod output;
mod recent_deaths;
mod start_error;
mod supervisor;
