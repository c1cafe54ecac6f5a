//! An open shard: the state that the replicas of an executor share.
//!
//! Reads run in parallel with writes: a read transaction sees the contents that were committed when it began. One thread at a
//! time writes. A write first becomes durable, as the parameter `fsync` requires, then visible, and is acknowledged last. A
//! generation is a complete set of the shard's data files; clearing and compaction write the next one and replace the current
//! one by it.
//!
//! | module | contents |
//! |---|---|
//! | [`shard_core`] | the shard: settings, files, locks |
//! | [`read`] | read transactions: look-ups, filters, searches |
//! | [`write`] | the writer: changes, and the switch to another generation |
//! | [`maintenance`] | compaction, backups, expiry, refresh, syncing, index work |
//! | [`state`], [`vectors`] | the current generation, and its vector index |
//! | [`index_cache`] | the bound on indexes in memory |
//! | [`lock_order`] | the order of all locks, asserted in debug builds |
//!
//! The endpoints are in `vector_indexer` and `document_store`, the files in `storage`, FAISS in `ann`.

mod background_task;
mod cache_capacity;
mod cancellation;
mod compaction_control;
mod health_report;
mod index_cache;
mod lock_order;
mod maintenance;
mod metrics;
mod open_shard;
mod opening;
mod read;
mod row_set;
mod settings;
mod shard_core;
mod state;
mod storage_version;
mod summary;
mod unknown_names;
mod vectors;
mod write;

pub(crate) use cache_capacity::CacheCapacity;
pub(crate) use maintenance::BackupName;
pub(crate) use open_shard::OpenShard;
pub(crate) use read::{AnswerBudget, Match, Page, RERANK_MAX, ReadTransaction, SearchParams};
pub(crate) use settings::Settings;
pub(crate) use summary::{IndexSummary, WHOLE_SHARD_REQUESTS};

#[cfg(test)]
mod tests;
