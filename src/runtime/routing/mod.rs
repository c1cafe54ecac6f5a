//! Routing inside a pod: which shards receive a request, and which shard stores a document.
//!
//! [`PodShards`] knows the shards of a pod and their summaries, [`Placement`](placement::Placement) chooses the shard of
//! a new document, [`split`] distributes a request over the shards, and [`GatherSlot`] merges their results. The
//! path between pods is in `edges`; queues and executors are in `worker`.

mod clusters;
mod fanout;
mod part;
mod placement;
mod shard_hash;
mod shard_loads;
mod shards;
mod tag_placement;

pub(super) use fanout::{Fanout, GatherSlot, split};
pub(super) use part::Part;
pub use shard_hash::shard_of;
pub(super) use shards::{PodShards, SEARCH_ENDPOINT};
