//! The promises of the vector index and the document store, kept through the executors alone.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod backup;
mod bench;
mod damage;
mod document_store;
mod durability;
mod expiring;
mod filter;
mod hostile;
mod index_types;
mod jina;
mod killed;
mod listing;
mod model;
mod opening;
mod power;
#[cfg(target_os = "linux")]
mod products;
mod reclaim;
mod selectivity;
mod storm;
mod ties;
mod tool;
mod vector_indexer;
