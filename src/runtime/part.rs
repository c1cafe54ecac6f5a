//! A part of a request on its way to a worker.

use std::sync::Arc;
use std::time::Instant;

use super::content::Content;
use super::obligation::InFlightRequest;
use super::split::Seat;

/// A part on its way to a worker.
pub(super) struct Part {
    pub(super) request: Arc<InFlightRequest>,
    pub(super) content: Content,
    /// Its seat among the parts that other shards have, if the request was split.
    pub(super) seat: Option<Seat>,
    /// When it came, which is when its waiting for a batch began, at pods that form them.
    pub(super) arrived: Option<Instant>,
}
