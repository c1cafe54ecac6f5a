//! Writing to a shard: one writer at a time.
//!
//! A write goes to disk, vectors first, then, in one atomic commit, the documents that refer to them; whether it is synced
//! depends on the parameter `fsync`. Then it becomes visible, and is acknowledged.

mod writer;

pub(super) use writer::Writer;
