//! The key-value indexers of Jina 0.x: documents of chunks, or documents of the request.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::document_store::Store;
use crate::kept::{Kept, StoredField, default_exclude};
use crate::storage::Fsync;
use crate::vector_indexer::TOP_K;

flowrun_sdk::parameters! {
    /// The parameters of a key-value indexer of chunks.
    struct ChunkParameters {
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Which documents are stored.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Chunks are stored; the matches of chunks get them back.
fn create_for_chunks(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ChunkParameters = parse_parameters(build)?;
    let matches_of_chunks = "@cm".parse().map_err(BuildError::failed)?;
    let store = Store {
        index_access_paths: parameters.access_paths,
        search_access_paths: matches_of_chunks,
        kept: Kept::AllBut(default_exclude()),
        fsync: Fsync::Always,
        expires: None,
        cut_matches: None,
    };
    store.build(build)
}

flowrun_sdk::parameters! {
    /// The parameters of a key-value indexer of documents.
    struct RootParameters {
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Which documents are stored.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// Documents are stored without chunks and bytes, as Jina pruned them; matches get them back and are cut to `top_k`.
fn create_for_roots(build: &Build) -> Result<Instance, BuildError> {
    let parameters: RootParameters = parse_parameters(build)?;
    let exclude = [default_exclude(), vec![StoredField::Blob]].concat();
    let store = Store {
        index_access_paths: parameters.access_paths,
        search_access_paths: AccessPaths::matches(),
        kept: Kept::AllBut(exclude),
        fsync: Fsync::Always,
        expires: None,
        cut_matches: Some(TOP_K),
    };
    store.build(build)
}

const fn for_chunks(name: &'static str) -> ExecutorType {
    let summary = "Stores chunks by their ids and puts them in the place of matches of chunks.";
    ExecutorType::new::<ChunkParameters>(name, summary, create_for_chunks).with_storage()
}

const fn for_roots(name: &'static str) -> ExecutorType {
    let summary = "Stores documents by their ids and puts them in the place of matches.";
    ExecutorType::new::<RootParameters>(name, summary, create_for_roots).with_storage()
}

pub(crate) const BASE_PB: ExecutorType = for_chunks("BasePbIndexer");
pub(crate) const CHUNK_PB: ExecutorType = for_chunks("ChunkPbIndexer");
pub(crate) const DOC_PB: ExecutorType = for_roots("DocPbIndexer");
pub(crate) const LEVELDB: ExecutorType = for_roots("LeveldbIndexer");
pub(crate) const DATA_URI_PB: ExecutorType = for_roots("DataURIPbIndexer");
pub(crate) const BINARY_PB: ExecutorType = for_roots("BinaryPbIndexer");
