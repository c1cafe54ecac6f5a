//! The indexers of Jina, under their names and with their parameters.
//!
//! Each is a vector indexer or a document store with other defaults; none has its own storage format. Parameters for file
//! names are accepted without effect, since an index is a directory.

mod annlite;
mod key_value;
mod vector;

pub(crate) use annlite::ANNLITE;
pub(crate) use key_value::{BASE_PB, BINARY_PB, CHUNK_PB, DATA_URI_PB, DOC_PB, LEVELDB};
pub(crate) use vector::{ANNOY, FAISS, NMSLIB, NUMPY};
