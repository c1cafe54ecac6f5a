//! Hostile clients of a served flow, and the effect of each on healthy ones.
//!
//! [`ATTACKS`] is the table of attacks. [`measure`] runs one of them against a [`Service`], together with healthy clients,
//! and returns the latencies and refusals of these, the memory of the service, and whether its stored documents are the
//! same as before. [`Measured::faults`] compares the result with the promises of SECURITY.md.
//!
//! `make attack` runs all of them against a release build under a limit of memory (`main.rs`); `tests/attack.rs` runs a
//! short form, without judging latencies. flowrun is known only as a program.

mod attack;
mod attacks;
mod healthy;
mod measure;
mod memory;
mod memory_limit;
mod report;
mod service;
mod wire;

pub use attack::{Attack, Form};
pub use attacks::ATTACKS;
pub use measure::{Judged, Measured, measure};
pub use memory_limit::MemoryLimit;
pub use report::{HEADER, row};
pub use service::Service;
