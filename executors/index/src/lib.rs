//! The vector index and the document store.
//!
//! `VectorIndexer` stores documents by their embeddings and finds the nearest; `DocumentStore` stores documents by
//! their ids. Both store their data in the directory of their shard, and acknowledged writes survive a crash. The indexers of
//! Jina are these two under other names.
//!
//! ```text
//! vector_indexer  document_store  jina     executors
//!        └─────────┬──────┘
//!              handlers                    endpoints of both executors
//!                  │
//!                shard                     shared by replicas: concurrent reads, exclusive writes, search
//!              ┌───┴────┐
//!             ann    storage               FAISS index; files and key-value store
//! ```
//!
//! [`tool`] works on the files of an index without a flow.
//!
//! **Invariants.** Distances are exact, and results are ordered by (distance, id), so with an exact index the merged answer does
//! not depend on the number of shards. FAISS only proposes candidates. A write is acknowledged once it is as durable as the
//! parameter `fsync` requires.

mod ann;
mod byte_size;
mod columns;
mod description;
mod document_filter;
mod document_store;
mod embedding;
mod endpoint_help;
mod handlers;
mod jina;
mod merge_fields;
mod metric;
mod parameter_names;
mod processor;
mod quarantine;
mod shard;
mod storage;
mod stored_fields;
pub mod tool;
mod vector_indexer;

use flowrun_sdk::ExecutorType;

pub use processor::{build_description, check_processor};

/// Executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[
    vector_indexer::VECTOR_INDEXER.with_description(description::vector_indexer),
    document_store::DOCUMENT_STORE.with_description(description::document_store),
    jina::ANNLITE.with_description(description::annlite),
    jina::NUMPY.with_description(description::legacy_vector_indexer),
    jina::FAISS.with_description(description::legacy_vector_indexer),
    jina::ANNOY.with_description(description::legacy_vector_indexer),
    jina::NMSLIB.with_description(description::legacy_vector_indexer),
    jina::BASE_PB.with_description(description::document_store),
    jina::CHUNK_PB.with_description(description::document_store),
    jina::DOC_PB.with_description(description::document_store),
    jina::LEVELDB.with_description(description::document_store),
    jina::DATA_URI_PB.with_description(description::document_store),
    jina::BINARY_PB.with_description(description::document_store),
];
