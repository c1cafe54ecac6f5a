//! Quarantine: a stand-in executor replaces a damaged or lost shard, so that the other shards of the pod stay in service.
//!
//! Reads find none of the shard's documents, and fail when no shard of the pod is in service; writes are rejected, and the
//! readiness check names the shard and the remedy. The only shard of a pod is not quarantined; opening it fails instead.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Weak};

use flowrun_sdk::{AccessPaths, Call, Context, Executor, ExecutorError, Instance, tracing};
use parking_lot::Mutex;

use crate::storage::{Layout, Manifest, StorageError};

/// Numbers of the quarantined shards of a pod; a shard is listed once for each of its replicas.
#[derive(Debug, Default)]
struct QuarantinedShards(Mutex<Vec<usize>>);

impl QuarantinedShards {
    /// The quarantined shards of the pod of a context. Several pods that read the same shards have their own.
    fn of_pod(context: &Context) -> Arc<Self> {
        type Pods = HashMap<(String, PathBuf), Weak<QuarantinedShards>>;
        static PODS: LazyLock<Mutex<Pods>> = LazyLock::new(Mutex::default);
        let directory = context.workspace.parent().unwrap_or(&context.workspace);
        let key = (context.pod.clone(), directory.to_owned());
        let mut pods = PODS.lock();
        pods.retain(|_, pod| pod.strong_count() > 0);
        if let Some(known) = pods.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let pod = Arc::new(Self::default());
        pods.insert(key, Arc::downgrade(&pod));
        pod
    }

    /// Returns whether every shard of the pod is quarantined; `shards` is their number.
    fn are_all(&self, shards: usize) -> bool {
        self.0.lock().iter().collect::<BTreeSet<_>>().len() >= shards
    }
}

/// Endpoints that replace documents of the request, other than its roots, with stored ones and remove those that are not
/// stored, with the default access paths of each.
pub(crate) type ReplacedDocuments = Vec<(&'static str, AccessPaths)>;

/// The executor of a damaged or lost shard.
#[derive(Debug)]
struct QuarantinedShard {
    reason: String,
    replaced: ReplacedDocuments,
    shard: usize,
    /// Number of shards of the pod.
    shards: usize,
    quarantined: Arc<QuarantinedShards>,
}

/// Returns whether a shard that failed to open with `error` is to be quarantined: it is damaged or lost, and the pod has other
/// shards, which may be intact. An unsupported format counts as damage if the manifest of another shard can be read.
pub(crate) fn is_quarantined(error: &StorageError, context: &Context) -> bool {
    let is_damage = match error {
        StorageError::Format { .. } => Manifest::is_any_readable(&Layout::new(&context.workspace)),
        error => error.is_damage(),
    };
    is_damage && context.shards > 1
}

/// Marks the shard of `context` as unhealthy and returns its replacement.
pub(crate) fn quarantine(error: &StorageError, context: &Context, replaced: ReplacedDocuments) -> Instance {
    let reason = format!("shard {} of `{}` is out of service: {error}", context.shard, context.pod);
    tracing::error!(%reason, "shard quarantined; the other shards stay in service");
    context.health.set_unhealthy(reason.clone());
    let quarantined = QuarantinedShards::of_pod(context);
    quarantined.0.lock().push(context.shard);
    Instance::new(QuarantinedShard {
        reason,
        replaced,
        shard: context.shard,
        shards: context.shards,
        quarantined,
    })
}

impl QuarantinedShard {
    /// Removes the documents that the endpoint would replace with stored ones: none of them is found here.
    fn remove_replaced(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let replaced = self.replaced.iter().find(|(endpoint, _)| *endpoint == call.endpoint());
        let Some((_, default)) = replaced else { return Ok(()) };
        let Some(below) = call.access_paths(default)?.below_roots() else { return Ok(()) };
        call.for_each_siblings(&below, |siblings| {
            siblings.clear();
            Ok(())
        })
    }
}

impl Executor for QuarantinedShard {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/status" => {}
            // Without any shard in service, an empty answer would be wrong.
            "/search" | "/fill_embedding" | "/get" | "/count" | "/filter" | "/list"
                if self.quarantined.are_all(self.shards) =>
            {
                return Err(ExecutorError::resource(format_args!("{}; no shard is in service", self.reason)));
            }
            "/search" | "/fill_embedding" | "/get" | "/count" => self.remove_replaced(call)?,
            // These reply with stored documents instead of the documents of the request.
            "/filter" | "/list" => call.set_documents(Vec::new()),
            _ => return Err(ExecutorError::resource(&self.reason)),
        }
        call.set_result("out_of_service", self.reason.clone());
        Ok(())
    }
}

impl Drop for QuarantinedShard {
    fn drop(&mut self) {
        let mut quarantined = self.quarantined.0.lock();
        if let Some(position) = quarantined.iter().position(|shard| *shard == self.shard) {
            quarantined.swap_remove(position);
        }
    }
}
