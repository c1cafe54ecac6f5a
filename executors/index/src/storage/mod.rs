//! The files of a shard: a directory with a lock, a manifest, documents and vectors.
//!
//! ```text
//! LOCK                  held while a process writes here
//! manifest.json         schema (kind, dimension, metric, shards) and the number of the current generation
//! documents-000001/     a fjall database: documents, the row of each id, parents of chunks, tombstones; and its
//!                       acknowledgement mark and close record, see [`acknowledged`] and [`close_record`]
//! vectors-000001.bin    the vectors, one per row, in the order in which they were written; a synced row never changes
//! faiss-000001.index    derived from the vectors, see `ann`
//! backups/NAME/         a backup, laid out like a shard
//! readers/              checkpoints of the documents for read-only processes, see [`checkpoint`]
//! ```
//!
//! The number is that of the generation: a complete set of these data files. A new generation is written next to the old one
//! and becomes current when the manifest that names it replaces the old manifest, which is atomic: an empty one to clear the
//! shard, a copy of the live documents to compact it (see [`live_copy`]).
//!
//! **Invariants.** The documents record the number of committed rows; later rows are remains of a call that was never
//! acknowledged. The row of a replaced or removed document gets a tombstone. Vectors reach the disk before the documents that
//! refer to them, unless syncing is left to the operating system; then the number of synced rows is recorded, and later rows
//! are checked when the index is opened (see [`row_recovery`]). This module neither uses FAISS nor computes distances.

mod acknowledged;
mod change;
mod checkpoint;
mod close_record;
mod counters;
mod data_file;
mod directory_lock;
mod element_type;
mod error;
#[cfg(test)]
mod faults;
mod fsync;
#[cfg(test)]
mod fuzz;
mod journal_check;
mod journal_recovery;
mod journal_scan;
mod keys;
mod layout;
mod live_copy;
mod manifest;
mod plan;
mod row_recovery;
mod table;
mod table_fingerprint;
mod table_reader;
mod vector_file;

pub(crate) use acknowledged::read_mark;
pub(crate) use change::{Change, Outcome, Put};
pub(crate) use checkpoint::remove_abandoned_checkpoints;
pub(crate) use close_record::check_close_record;
pub(crate) use counters::Counters;
pub(crate) use directory_lock::DirectoryLock;
pub(crate) use element_type::ElementType;
pub(crate) use error::StorageError;
#[cfg(test)]
pub(crate) use faults::FaultPlan;
pub(crate) use fsync::{FSYNC_INTERVAL, Fsync};
pub(crate) use journal_recovery::open_with_journal_recovery;
pub(crate) use keys::ID_BYTES_MAX;
pub(crate) use layout::{Layout, make_directory, replace_file, sync_directory};
pub(crate) use live_copy::{copy_live_documents, is_compaction_due};
pub(crate) use manifest::{Manifest, Schema, StorageKind};
pub(crate) use plan::Plan;
pub(crate) use row_recovery::recover_unsynced_rows;
pub(crate) use table::Table;
pub(crate) use table_fingerprint::TableFingerprint;
pub(crate) use table_reader::{DocumentTags, LiveDocument, TableReader};
pub(crate) use vector_file::VectorFile;
