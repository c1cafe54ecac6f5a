//! Supervision of the workers and the queue of one shard.

use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{ErrorKind, ExecutorError};
use tokio::sync::watch;

use super::hang::{Hang, HangPolicy};
use super::link::WorkerLink;
use super::worker_watch::WorkerWatch;
use crate::runtime::metrics::PodMetrics;
use crate::runtime::request::RequestError;
use crate::runtime::routing::Part;
use crate::runtime::worker::{WaitingParts, WorkerExit};

/// Workers that end together: one thread, or the replicas of a task.
type Unit = (Arc<WorkerLink>, Vec<WorkerWatch>);

/// Supervision of one shard.
pub(in crate::runtime) struct ShardWatch {
    /// The pod's name.
    pub(in crate::runtime) pod: Arc<str>,
    pub(in crate::runtime) metrics: Arc<PodMetrics>,
    /// The workers, grouped by those that end together.
    pub(in crate::runtime) units: Vec<Unit>,
    /// Parts that no worker has taken yet.
    pub(in crate::runtime) waiting: WaitingParts,
    pub(in crate::runtime) policy: HangPolicy,
    /// Set while requests are refused because all workers hang.
    pub(in crate::runtime) refusing: bool,
}

impl ShardWatch {
    /// Fails the calls and requests whose time is over at `now`, and updates the state of the workers. While `draining`, cuts
    /// off workers in abandoned calls. Sends new hangs to `report`. Returns the time of the next check, if one is due before
    /// the regular interval has passed.
    pub(super) fn check(
        &mut self,
        now: Instant,
        draining: bool,
        report: &watch::Sender<Option<Hang>>,
    ) -> Option<Instant> {
        for (link, workers) in &self.units {
            let parts: Vec<Part> = workers.iter().flat_map(|worker| worker.give_up_calls(now)).collect();
            deliver(link, parts);
        }
        let given_up: Vec<String> = self.workers_mut().filter_map(|worker| worker.update(now)).collect();
        let blocks_shard = self.workers().all(WorkerWatch::is_lost);
        for message in given_up {
            report.send_replace(Some(Hang { pod: Arc::clone(&self.pod), message, blocks_shard }));
        }
        self.update_refusal();
        self.remove_waiting(now);
        if draining {
            self.abandon(now);
        }
        self.workers().filter_map(|worker| worker.next_check(now)).min()
    }

    fn workers(&self) -> impl Iterator<Item = &WorkerWatch> {
        self.units.iter().flat_map(|(_, workers)| workers)
    }

    fn workers_mut(&mut self) -> impl Iterator<Item = &mut WorkerWatch> {
        self.units.iter_mut().flat_map(|(_, workers)| workers)
    }

    /// Refuses requests while all workers hang, or accepts them again.
    fn update_refusal(&mut self) {
        let hangs = match self.policy {
            HangPolicy::FailFast => WorkerWatch::is_blocked,
            HangPolicy::Wait => WorkerWatch::is_lost,
        };
        let refusing = self.workers().all(hangs);
        if refusing != self.refusing {
            self.refusing = refusing;
            self.waiting.refuse(refusing.then(|| self.refusal()));
        }
    }

    /// The error of requests that no worker is expected to take.
    fn refusal(&self) -> RequestError {
        let hang = match self.workers().count() {
            1 => "the only worker hangs in a call".to_owned(),
            count => format!("all {count} workers hang in calls"),
        };
        // Workers without a limit are never considered to hang.
        let limit = self.workers().find_map(WorkerWatch::limit);
        let limit = limit.map_or_else(String::new, |limit| format!(" of more than {limit}"));
        let message = format!("{hang}{limit}");
        RequestError::in_pod(&self.pod, ExecutorError::new(ErrorKind::Expired, message))
    }

    /// Removes the parts of ended requests from the queue; all parts if they are refused.
    fn remove_waiting(&self, now: Instant) {
        let removed = self.waiting.remove(|part| self.refusing || part.request.ended(now).is_some());
        let error = |part: &Part| match part.request.ended(now) {
            None => self.refusal(),
            Some(kind) => {
                let message = "the request expired or was cancelled while it waited for a worker";
                RequestError::in_pod(&self.pod, ExecutorError::new(kind, message))
            }
        };
        let mut failed = Vec::with_capacity(removed.len());
        for part in removed {
            self.metrics.record_dequeued();
            let error = error(&part);
            failed.push(part.with_error(error));
        }
        // The links of all workers lead to the same pods. One that is not cut exists unless the flow ends.
        if let Some((link, _)) = self.units.iter().find(|(link, _)| link.output().is_some()) {
            deliver(link, failed);
        }
    }

    /// Cuts off the workers that are in calls whose requests have all ended.
    fn abandon(&self, now: Instant) {
        for (link, workers) in &self.units {
            if let Some(message) = workers.iter().find_map(|worker| worker.abandoned(now)) {
                link.cut(WorkerExit::Abandoned(message));
            }
        }
    }
}

/// Delivers failed parts. After the link was cut they are dropped, which ends their requests.
fn deliver(link: &WorkerLink, parts: Vec<Part>) {
    if parts.is_empty() {
        return;
    }
    if let Some(output) = link.output() {
        parts.into_iter().for_each(|part| output.deliver(part));
    }
}
