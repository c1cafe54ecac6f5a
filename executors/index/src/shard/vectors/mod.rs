//! The vectors of one generation: the vector file and the FAISS index that is derived from it.
//!
//! Searches and writes never wait for the index. Rows that it does not cover yet are compared one by one; it catches up in
//! parallel with searches and writes, and an index of another type replaces it once that is built.
//!
//! * [`vector_index`]: the state that the other modules share: vector file, served index, progress
//! * [`served_index`]: the index that answers searches (readers hold its lock for reading during a FAISS search)
//! * [`catch_up`]: adding committed rows to it (the writer, and the background task)
//! * [`build`], [`build_state`]: training and building another index (the background task)
//! * [`persistence`]: saving, loading and evicting it (the background task, and the index cache)
//!
//! **Lock order.** `IndexBuild` (adding rows or replacing the index; one thread) before `ServedIndex` (held for writing
//! only while prepared rows are added), see [`super::lock_order`].

mod build;
mod build_state;
mod catch_up;
mod persistence;
mod served_index;
mod vector_index;

pub(super) use served_index::ServedIndex;
pub(super) use vector_index::VectorIndex;
