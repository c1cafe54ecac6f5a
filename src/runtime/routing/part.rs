//! The unit of work of a worker.

use std::sync::Arc;
use std::time::Instant;

use super::fanout::GatherSlot;
use crate::runtime::request::{Content, InFlightRequest, RequestError};

/// A request, or one shard's share of it, that is sent to a worker.
pub(in crate::runtime) struct Part {
    /// The request that the part belongs to.
    pub(in crate::runtime) request: Arc<InFlightRequest>,
    /// The documents to process, with earlier failures and results.
    pub(in crate::runtime) content: Content,
    /// Slot of this shard's result; `None` when the request was not split.
    pub(in crate::runtime) slot: Option<GatherSlot>,
    /// Arrival at the pod, from which batching delays count; `None` at pods without batching.
    pub(in crate::runtime) arrived: Option<Instant>,
}

impl Part {
    /// The part with an error, for a request that its pod does not process.
    pub(in crate::runtime) fn with_error(self, error: RequestError) -> Self {
        Self { content: Content { error: Some(error), ..self.content }, ..self }
    }
}
