//! Maintenance of a shard: other generations, backups, and the work of background tasks.
//!
//! [`maintenance_lock`] is the right to create a generation; [`clear`], [`backup`] and [`compaction`] need it. [`refresh`],
//! [`expiration`], [`sync`], [`write_recovery`] and [`index_work`] are actions of the background tasks that `OpenShard`
//! starts.

mod backup;
mod clear;
mod compaction;
mod expiration;
mod index_work;
mod maintenance_lock;
mod refresh;
mod sync;
mod write_recovery;

pub(crate) use backup::BackupName;
#[cfg(test)]
pub(super) use refresh::Refreshed;
