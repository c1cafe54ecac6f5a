//! Writing to a shard: one writer at a time.
//!
//! A write is acknowledged once it is on disk: vectors first, then, in one atomic commit, the documents that refer to them.
//! It becomes visible after that.

mod writer;

pub(super) use writer::Writer;
