//! Workers that are called where their documents are: on the thread of whoever carries a part on. For executors that take
//! next to no time; with a thread or a task of their own, waking it would be most of the work.

use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun_sdk::Executor;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::bench::Bench;
use super::call::Station;
use super::part::Part;
use super::recipe::Recipe;
use super::thread::WorkerExit;

/// The workers of one shard. They end when nobody can reach them any more.
pub(super) struct InPlace {
    replicas: Vec<Mutex<Replica>>,
    /// Whose turn it is.
    turn: AtomicUsize,
}

/// One of the interchangeable executors.
pub(super) struct Replica {
    station: Station,
    /// Taken away at the end.
    bench: Option<Bench<Box<dyn Executor>>>,
    end: Option<oneshot::Sender<WorkerExit>>,
}

impl Replica {
    pub(super) fn new(
        station: Station,
        executor: Box<dyn Executor>,
        recipe: Recipe,
        end: oneshot::Sender<WorkerExit>,
    ) -> Self {
        Self { station, bench: Some(Bench::computing(executor, recipe)), end: Some(end) }
    }

    fn work(&mut self, part: Part) -> Part {
        self.station.meter.unqueued();
        match &mut self.bench {
            Some(bench) => bench.work(&self.station, part),
            None => part,
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let (Some(bench), Some(end)) = (self.bench.take(), self.end.take()) {
            // Nobody may be waiting for it.
            let _ = end.send(bench.close());
        }
    }
}

impl InPlace {
    pub(super) fn new(replicas: Vec<Replica>) -> Self {
        Self { replicas: replicas.into_iter().map(Mutex::new).collect(), turn: AtomicUsize::new(0) }
    }

    /// What a part becomes. Without replicas it comes back as it is.
    pub(super) fn work(&self, part: Part) -> Part {
        match self.free() {
            Some(mut replica) => replica.work(part),
            None => part,
        }
    }

    /// A replica that nobody else calls, or the next in turn when it is free.
    fn free(&self) -> Option<MutexGuard<'_, Replica>> {
        let idle = self.replicas.iter().find_map(Mutex::try_lock);
        idle.or_else(|| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(self.replicas.len())?;
            self.replicas.get(turn).map(Mutex::lock)
        })
    }
}
