//! The FAISS index of a shard: derived from the vectors, and worth nothing without them.
//!
//! It proposes candidates: rows that are probably near. Whether they are, and in which order, is decided by exact
//! distances (see [`crate::metric`]). So a missing, stale or damaged index costs time, never an answer. Two files own
//! the foreign interface: `foreign` calls FAISS where the crate cannot, `sgemm` is called by it.
//!
//! **Invariants.** The id of a vector in FAISS is its row. Rows are added in order and never removed. Nothing is read
//! back that does not pass a checksum: FAISS trusts its input.

mod approximation;
mod choice;
mod factory;
mod file;
mod foreign;
mod index;
#[cfg(test)]
mod many_lists;
mod sgemm;

pub(crate) use approximation::{Approximation, push_native};
pub(crate) use choice::{IndexChoice, Large};
pub(crate) use factory::IndexType;
pub(crate) use file::is_whole;
pub(crate) use foreign::{Grouped, Selected, Staged, release_memory, set_threads, unless, version};
pub(crate) use index::{Candidates, Derived, DerivedError, Tuning};
