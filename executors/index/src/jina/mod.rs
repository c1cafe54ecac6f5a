//! The indexers of Jina's world, by their names and with their parameters.
//!
//! None of them stores anything in its own way: each is a vector indexer or a document store with other defaults. What
//! they called a file name is accepted and has no effect, since an index is a directory of its own here.

mod annlite;
mod key_value;
mod vector;

pub(crate) use annlite::ANNLITE;
pub(crate) use key_value::{BASE_PB, BINARY_PB, CHUNK_PB, DATA_URI_PB, DOC_PB, LEVELDB};
pub(crate) use vector::{ANNOY, FAISS, NMSLIB, NUMPY};
