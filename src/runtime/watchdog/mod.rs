//! The watchdog: a thread that ends requests whose executors do not return, and reports the workers that hang.
//!
//! A call in this process cannot be interrupted from outside, but nothing has to wait for it. When a call exceeds
//! `timeout_send`, or all of its requests have ended, the watchdog takes the parts from the call and delivers them with an
//! error ([`RunningCalls`](super::worker::RunningCalls)); credits and joins see an ordinary failure. It also removes ended
//! requests from queues that no worker empties. A worker in a call that exceeds its time limit by half *hangs*
//! ([`worker_watch`]): its pod is not ready, and while all workers of a shard hang, requests to it may fail immediately
//! ([`HangPolicy`]). When the flow drains, workers that are still in calls whose requests have all ended are cut off
//! ([`link`]), so that the other pods close in order.
//!
//! The watchdog is a thread of its own because async executors that block can occupy every thread of the async runtime.

mod hang;
mod link;
mod shard_watch;
mod worker_watch;

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::sync::watch;

pub use hang::Hang;
pub(super) use hang::{CallLimit, HangPolicy};
pub(super) use link::{WorkerGuard, WorkerLink};
pub(super) use shard_watch::ShardWatch;
pub(super) use worker_watch::WorkerWatch;

use crate::limits::WATCH_INTERVAL;

/// Shortest pause between two checks.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// Handle of the watchdog's thread, which ends when the handle is dropped.
pub(super) struct Watchdog {
    /// A message starts draining.
    drain: Sender<()>,
    hang: watch::Receiver<Option<Hang>>,
}

impl Watchdog {
    /// Starts the thread.
    pub(super) fn start(shards: Vec<ShardWatch>) -> Self {
        let (drain, messages) = crossbeam_channel::bounded(1);
        let (report, hang) = watch::channel(None);
        let run = move || watch_shards(shards, &messages, &report);
        if let Err(error) = thread::Builder::new().name("watchdog".to_owned()).spawn(run) {
            tracing::error!(%error, "the watchdog could not be started; calls are not bounded in time");
        }
        Self { drain, hang }
    }

    /// From now on, cuts off workers that are in a call whose requests have all ended.
    pub(super) fn start_draining(&self) {
        // A full channel contains this message already.
        let _ = self.drain.try_send(());
    }

    /// Waits for a worker whose call is not expected to return; with `blocking_only`, until that holds for all workers of a
    /// shard.
    pub(super) fn hang(&self, blocking_only: bool) -> impl Future<Output = Hang> + Send + use<> {
        let mut reports = self.hang.clone();
        async move {
            let counts =
                |hang: &Option<Hang>| hang.as_ref().is_some_and(|hang| hang.blocks_shard || !blocking_only);
            let found = reports.wait_for(counts).await.map(|hang| (*hang).clone());
            match found.ok().flatten() {
                Some(hang) => hang,
                // The flow ended.
                None => std::future::pending().await,
            }
        }
    }
}

/// Checks all shards at the times that they name, until the handle is dropped.
fn watch_shards(mut shards: Vec<ShardWatch>, messages: &Receiver<()>, report: &watch::Sender<Option<Hang>>) {
    let mut draining = false;
    loop {
        let now = Instant::now();
        let mut next = now + WATCH_INTERVAL;
        for shard in &mut shards {
            next = shard.check(now, draining, report).map_or(next, |wanted| wanted.min(next));
        }
        match messages.recv_deadline(next.max(now + PAUSE_MIN)) {
            Ok(()) => draining = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
