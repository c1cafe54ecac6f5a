//! Executors called by the sending thread, for calls that take less time than waking another thread.

use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun_sdk::Executor;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::context::WorkerContext;
use super::executor_factory::ExecutorFactory;
use super::exit::WorkerExit;
use super::sync_slot::SyncSlot;
use crate::runtime::routing::Part;

/// The inline replicas of one shard. Dropping them closes their executors.
pub(in crate::runtime) struct InlineWorkers {
    replicas: Vec<Mutex<InlineReplica>>,
    /// Number of waits so far. Modulo the number of replicas, it is the replica to wait for when all are busy.
    next: AtomicUsize,
}

/// One replica.
pub(in crate::runtime) struct InlineReplica {
    context: WorkerContext,
    /// `None` only while dropping.
    slot: Option<SyncSlot>,
    exit: Option<oneshot::Sender<WorkerExit>>,
}

impl InlineReplica {
    pub(in crate::runtime) fn new(
        context: WorkerContext,
        executor: Box<dyn Executor>,
        factory: ExecutorFactory,
        exit: oneshot::Sender<WorkerExit>,
    ) -> Self {
        Self { context, slot: Some(SyncSlot::new_sync(executor, factory)), exit: Some(exit) }
    }

    fn process(&mut self, part: Part) -> Option<Part> {
        self.context.metrics.record_dequeued();
        match &mut self.slot {
            Some(slot) => slot.process(&self.context, part),
            None => Some(part),
        }
    }
}

impl Drop for InlineReplica {
    fn drop(&mut self) {
        if let (Some(slot), Some(exit)) = (self.slot.take(), self.exit.take()) {
            // The receiver is gone when the flow was dropped without draining.
            let _ = exit.send(slot.close());
        }
    }
}

impl InlineWorkers {
    pub(in crate::runtime) fn new(replicas: Vec<InlineReplica>) -> Self {
        Self { replicas: replicas.into_iter().map(Mutex::new).collect(), next: AtomicUsize::new(0) }
    }

    /// Processes a part in the current thread. Without replicas it is returned unchanged. `None` as for `SyncSlot::process`.
    pub(super) fn process(&self, part: Part) -> Option<Part> {
        match self.lock_replica() {
            Some(mut replica) => replica.process(part),
            None => Some(part),
        }
    }

    /// Locks an idle replica. When all are busy, waits for one, in round-robin order.
    fn lock_replica(&self) -> Option<MutexGuard<'_, InlineReplica>> {
        let idle = self.replicas.iter().find_map(Mutex::try_lock);
        idle.or_else(|| {
            let next = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.replicas.len())?;
            self.replicas.get(next).map(Mutex::lock)
        })
    }
}
