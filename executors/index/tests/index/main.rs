//! Tests of the vector index and the document store through the executors, without a flow.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backup;
mod compaction;
mod crash;
mod damage;
mod document_filter;
mod document_store;
mod durability;
mod exactness;
mod expiring;
mod filter;
mod full_disk;
mod harness;
mod hostile;
mod index_types;
mod jina;
mod model;
mod offline_tool;
mod opening;
mod power_failure;
mod quarantine;
mod reading;
mod repeated_crashes;
mod selectivity;
#[cfg(target_os = "linux")]
mod sgemm;
mod vector_indexer;
