//! Approximate nearest neighbour (ANN) search: the FAISS index of a shard.
//!
//! The index only proposes candidates, the rows that are probably near; exact distances ([`crate::metric`]) determine the
//! order. The index is derived from the vector file and can be rebuilt from it, so a missing, stale or damaged index costs
//! time, never data. Documents, durability and locking are handled elsewhere ([`crate::storage`], [`crate::shard`]).
//!
//! Two files own foreign interfaces: `ffi` calls FAISS functions that the `faiss` crate lacks, `sgemm` is called by FAISS.
//!
//! **Invariants.** The FAISS id of a vector is its row in the vector file. Rows are added in order and never removed.
//! An index file is only passed to FAISS after its checksum was verified, since FAISS trusts its input.

#[cfg(test)]
mod centroid_groups_tests;
mod distance_bound;
mod ffi;
mod index;
mod index_choice;
mod index_file;
mod index_type;
mod sgemm;

pub(crate) use distance_bound::{DistanceBound, push_faiss_vector};
pub(crate) use ffi::{
    CentroidGroups, RowFilter, StagedRows, cancel_when, release_memory, set_threads, version,
};
pub(crate) use index::{AnnError, AnnIndex, Candidates, Tuning};
pub(crate) use index_choice::{IndexChoice, LargeIndex};
pub(crate) use index_file::is_intact;
pub(crate) use index_type::{IndexType, LINKS_MAX, LINKS_MIN};
