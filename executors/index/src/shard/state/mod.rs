//! The current generation of a shard: its files, its committed view, and the statistics that are kept in memory.
//!
//! Nothing here locks the shard; where a method needs the writer lock, its caller holds it.

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
