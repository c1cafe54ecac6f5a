//! The key-value indexers of Jina 0.x: document stores for chunks, or for root documents.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::document_store::DocumentStoreConfig;
use crate::storage::Fsync;
use crate::stored_fields::{ExcludableField, StoredFields, default_exclude};
use crate::vector_indexer::TOP_K;

flowrun_sdk::parameters! {
    /// The parameters of a key-value indexer of chunks.
    struct ChunkParameters {
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Documents that are stored.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Stores chunks, and replaces the matches of chunks with them.
fn create_for_chunks(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ChunkParameters = parse_parameters(build)?;
    let matches_of_chunks = "@cm".parse().map_err(BuildError::failed)?;
    let config = DocumentStoreConfig {
        index_access_paths: parameters.access_paths,
        search_access_paths: matches_of_chunks,
        stored_fields: StoredFields::AllExcept(default_exclude()),
        fsync: Fsync::Always,
        expires: None,
        top_k: None,
    };
    config.build(build)
}

flowrun_sdk::parameters! {
    /// The parameters of a key-value indexer of documents.
    struct RootParameters {
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Documents that are stored.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// Stores documents without chunks and blobs, as Jina did, and without the other fields that are excluded by default.
/// Matches are replaced with the stored documents and truncated to `top_k`.
fn create_for_roots(build: &Build) -> Result<Instance, BuildError> {
    let parameters: RootParameters = parse_parameters(build)?;
    let exclude = [default_exclude(), vec![ExcludableField::Blob]].concat();
    let config = DocumentStoreConfig {
        index_access_paths: parameters.access_paths,
        search_access_paths: AccessPaths::matches(),
        stored_fields: StoredFields::AllExcept(exclude),
        fsync: Fsync::Always,
        expires: None,
        top_k: Some(TOP_K),
    };
    config.build(build)
}

const fn for_chunks(name: &'static str) -> ExecutorType {
    let summary = "Stores chunks by their ids and replaces the matches of chunks with them.";
    ExecutorType::new::<ChunkParameters>(name, summary, create_for_chunks).with_storage()
}

const fn for_roots(name: &'static str) -> ExecutorType {
    let summary = "Stores documents by their ids and replaces matches with them.";
    ExecutorType::new::<RootParameters>(name, summary, create_for_roots).with_storage()
}

// Executor types for chunks.
pub(crate) const BASE_PB: ExecutorType = for_chunks("BasePbIndexer");
pub(crate) const CHUNK_PB: ExecutorType = for_chunks("ChunkPbIndexer");
// Executor types for root documents.
pub(crate) const DOC_PB: ExecutorType = for_roots("DocPbIndexer");
pub(crate) const LEVELDB: ExecutorType = for_roots("LeveldbIndexer");
pub(crate) const DATA_URI_PB: ExecutorType = for_roots("DataURIPbIndexer");
pub(crate) const BINARY_PB: ExecutorType = for_roots("BinaryPbIndexer");
