//! Replacement of a damaged shard, so that the other shards of the pod stay in service.
//!
//! Reads find none of its documents, writes are rejected, and the readiness check names the shard and the remedy. The only
//! shard of a pod is not quarantined; opening it fails instead.

use flowrun_sdk::{Call, Context, Executor, ExecutorError, Instance, tracing};

use crate::storage::StorageError;

/// The executor of a damaged shard.
#[derive(Debug)]
struct QuarantinedShard {
    reason: String,
}

/// Marks the shard of `context` as unhealthy and returns its replacement.
pub(crate) fn quarantine(error: &StorageError, context: &Context) -> Instance {
    let reason = format!("shard {} of `{}` is out of service: {error}", context.shard, context.pod);
    tracing::error!(%reason, "shard quarantined; the other shards stay in service");
    context.health.set_unhealthy(reason.clone());
    Instance::new(QuarantinedShard { reason })
}

impl Executor for QuarantinedShard {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/search" | "/fill_embedding" | "/get" | "/status" | "/count" => {}
            // The reply to these has stored documents in place of those of the request.
            "/filter" | "/list" => call.set_documents(Vec::new()),
            _ => return Err(ExecutorError::resource(&self.reason)),
        }
        call.set_result("out_of_service", self.reason.clone());
        Ok(())
    }
}
