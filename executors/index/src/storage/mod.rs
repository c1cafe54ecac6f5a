//! What is on disk: a directory for each shard, with a lock, a manifest, documents and vectors.
//!
//! ```text
//! LOCK                  held while a process works here
//! manifest.json         what is written here: kind, dimension, metric, shards, and the current generation
//! documents-000001/     a fjall database: documents, which row an id has, whose chunk it is, which rows are dead
//! vectors-000001.bin    the vectors in the order in which they came; a row that is on disk is never changed
//! faiss-000001.index    derived from the vectors, see `derived`
//! backups/NAME/         what lived once, laid out as a shard is
//! readers/              what processes that only read have open of the documents, see [`beside`]
//! ```
//!
//! The number is the generation. A new one comes into being beside the old and becomes current when the manifest
//! that names it replaces the old manifest, which is atomic: an empty one when everything is removed, one of what lives
//! when most rows are dead (see [`reclaim`]).
//!
//! **Invariants.** The documents know how many rows are committed; rows beyond are remains of a call that was never
//! acknowledged. Vectors reach the disk before the documents that name them, where that is not left to the operating system;
//! otherwise it is known how many did, and the others are looked at when the index is opened (see [`recover`]). Nothing
//! here knows FAISS or distances.

mod beside;
mod change;
mod device;
mod elements;
mod error;
#[cfg(test)]
mod faults;
mod keys;
mod layout;
mod lock;
mod manifest;
mod plan;
mod reader;
mod reclaim;
mod recover;
mod table;
mod torn;
mod vectors;

pub(crate) use beside::{Progress, remove_remains};
pub(crate) use change::{Change, Outcome, Put};
pub(crate) use elements::ElementType;
pub(crate) use error::StorageError;
#[cfg(test)]
pub(crate) use faults::Failing;
pub(crate) use keys::ID_BYTES_MAX;
pub(crate) use layout::{Layout, make_directory, replace_file, sync_directory};
pub(crate) use lock::DirectoryLock;
pub(crate) use manifest::{Manifest, Schema, StorageKind};
pub(crate) use plan::Plan;
pub(crate) use reader::{DocumentTags, LiveDocument, Reader};
pub(crate) use reclaim::{copy_live_documents, is_worth_reclaiming};
pub(crate) use recover::recover_unsynced_rows;
pub(crate) use table::{Counters, Table};
pub(crate) use torn::open_with_journal_recovery;
pub(crate) use vectors::VectorFile;

flowrun_sdk::choice! {
    /// When a write counts as done.
    pub enum Fsync {
        /// When the disk has it: an acknowledged write survives a power failure.
        Always = "always",
        /// When the operating system has it, which is told to write it to the disk within a second: a power failure costs
        /// what was written in that second, and what it took the place of.
        Interval = "interval",
        /// When the operating system has it: it survives the end of the process, not always that of the machine.
        Never = "never",
    }
}

/// Under [`Fsync::Interval`], how long something may be acknowledged before the disk is told of it.
pub(crate) const FSYNC_INTERVAL: std::time::Duration = std::time::Duration::from_secs(1);
