//! Hostile clients of a served flow, and the effect of each on healthy ones.
//!
//! [`ATTACKS`] is the table of attacks. [`measure`] runs one of them against a [`Service`], together with healthy clients,
//! and returns the latencies and refusals of the healthy clients, the memory of the service, and whether its stored
//! documents are the same as before. [`Measured::faults`] compares the result with the promises in CONTRIBUTING.md
//! (section Attacks).
//!
//! `make attack` runs all attacks against a release build with limited memory (`main.rs`). `tests/attack.rs` of the main
//! crate runs a short form of every attack that is withstood, without judging latencies. This crate does not link flowrun:
//! it starts the program as a child process.

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
