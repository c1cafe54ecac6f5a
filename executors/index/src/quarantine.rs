//! What stands in the place of a shard whose data are damaged, so that the others go on.
//!
//! Its documents are not found, what would be written to it is refused, and whoever asks whether the flow is ready is
//! told which shard it is and what to do. A shard that is alone is not opened at all: there is nothing to go on with.

use flowrun_sdk::{Call, Context, Executor, ExecutorError, Instance, Order, tracing};

use crate::storage::StorageError;
use crate::vector_indexer::ENDPOINTS;

/// The place of a damaged shard.
#[derive(Debug)]
struct Quarantined {
    reason: String,
}

/// An executor in the place of the shard of a context.
pub(crate) fn quarantine(error: &StorageError, context: &Context, top_k: usize) -> Instance {
    let reason = format!("shard {} of `{}` is out of service: {error}", context.shard, context.pod);
    tracing::error!(%reason, "others go on");
    context.health.set_unhealthy(reason.clone());
    Instance::new(Quarantined { reason }).with_endpoints(ENDPOINTS).with_ranking(Order::Ascending, top_k)
}

impl Executor for Quarantined {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/search" | "/fill_embedding" | "/get" | "/status" | "/count" => {}
            // They answer with what is stored in the place of what was asked.
            "/filter" | "/list" => call.set_documents(Vec::new()),
            _ => return Err(ExecutorError::resource(&self.reason)),
        }
        call.set_result("out_of_service", self.reason.clone());
        Ok(())
    }
}
