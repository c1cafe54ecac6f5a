//! The current generation of a shard: its files, its committed view, and the statistics that are kept in memory.
//!
//! Nothing here locks the shard. Methods that say so rely on the caller to hold the writer lock.

mod centroids;
mod expiry;
mod generation_state;
mod open_generation;
mod tag_columns;
mod tag_stats;
mod view;

pub(super) use centroids::position;
pub(super) use expiry::now;
pub(super) use generation_state::GenerationState;
pub(super) use tag_columns::TagColumns;
pub(super) use view::View;
