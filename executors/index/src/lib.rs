//! The vector index and the document store.
//!
//! `VectorIndexer` stores documents by their embeddings and finds the nearest; `DocumentStore` stores documents by
//! their ids. Both keep their data in the directory of their shard, and what they acknowledge survives a crash. The
//! indexers of Jina's world are these two under other names.
//!
//! ```text
//! vector_indexer  document_store  jina     the executors
//!        └─────────┬──────┘
//!               upkeep                     the endpoints they have in common
//!                  │
//!                shard                     what replicas share: reading side by side, writing alone, searching
//!              ┌───┴────┐
//!          derived    storage              FAISS, from the vectors; what is on disk
//! ```
//!
//! **Invariants.** Distances are exact, and ordered by (distance, id), so that any number of shards answers as one.
//! FAISS only proposes candidates. Nothing is acknowledged before it is durable.

mod backup;
mod byte_size;
mod columns;
mod derived;
mod document_store;
mod embedding;
mod jina;
mod kept;
mod listing;
mod metric;
mod names;
mod processor;
mod quarantine;
mod shard;
mod storage;
pub mod tool;
mod upkeep;
mod vector_indexer;

use flowrun_sdk::ExecutorType;

pub use processor::{build_description, check_processor};

/// The executors of this family.
pub static EXECUTORS: &[ExecutorType] = &[
    vector_indexer::VECTOR_INDEXER,
    document_store::DOCUMENT_STORE,
    jina::ANNLITE,
    jina::NUMPY,
    jina::FAISS,
    jina::ANNOY,
    jina::NMSLIB,
    jina::BASE_PB,
    jina::CHUNK_PB,
    jina::DOC_PB,
    jina::LEVELDB,
    jina::DATA_URI_PB,
    jina::BINARY_PB,
];
