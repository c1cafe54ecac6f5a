//! Supervision of one worker: detects that it hangs in a call, and reports it.

use std::time::{Duration, Instant};

use flowrun_sdk::Health;

use super::hang::CallLimit;
use crate::limits::{ABANDON_AFTER, GIVE_UP_FACTOR};
use crate::runtime::routing::Part;
use crate::runtime::worker::{RunningCall, WorkerContext};

/// State of a worker.
enum State {
    /// No call exceeds its time limit by half.
    Working,
    /// A call exceeds its time limit by half or more.
    Hanging {
        call: RunningCall,
        /// The call is not expected to return, and that was reported.
        given_up: bool,
    },
}

/// Supervision of one worker.
pub(in crate::runtime) struct WorkerWatch {
    context: WorkerContext,
    /// Time that a call may take; `None` without a limit.
    limit: Option<CallLimit>,
    health: Health,
    /// Calls that the worker makes at the same time.
    capacity: usize,
    state: State,
    /// Calls that exceed their time limit by half or more.
    hanging: usize,
    /// Calls that are not expected to return.
    given_up: usize,
}

impl WorkerWatch {
    pub(in crate::runtime) fn new(
        context: WorkerContext,
        limit: Option<CallLimit>,
        capacity: usize,
        health: Health,
    ) -> Self {
        Self { context, limit, health, capacity, state: State::Working, hanging: 0, given_up: 0 }
    }

    /// Time that a call may take; `None` without a limit.
    pub(super) fn limit(&self) -> Option<CallLimit> {
        self.limit
    }

    /// Takes the parts of calls whose time is over, or whose requests have ended, each with an error.
    pub(super) fn give_up_calls(&self, now: Instant) -> Vec<Part> {
        let calls = self.context.calls.give_up(now, self.context.timeout_send);
        let parts = calls
            .into_iter()
            .flat_map(|(call, batch, reason)| self.context.give_up(batch, reason, call.started));
        parts.collect()
    }

    /// Time of the next check, if one is due before the regular interval has passed.
    pub(super) fn next_check(&self, now: Instant) -> Option<Instant> {
        let timeout = self.context.timeout_send.map(|timeout| {
            // A call that starts after this check cannot be late before this time.
            self.context.calls.oldest_awaited().unwrap_or(now) + timeout
        });
        let hanging = self.limit.filter(|_| matches!(self.state, State::Working));
        let hanging =
            hanging.and_then(|limit| Some(self.context.calls.oldest()?.started + hanging_after(limit)));
        [timeout, hanging].into_iter().flatten().min()
    }

    /// Returns `true` while the worker can take no call, because as many as it can make hang.
    pub(super) fn is_blocked(&self) -> bool {
        self.hanging >= self.capacity
    }

    /// Returns `true` while the worker is not expected to take a call again, because as many as it can make do not return.
    pub(super) fn is_lost(&self) -> bool {
        self.given_up >= self.capacity
    }

    /// Updates the state, the health and the log. Returns a message once for each call that is not expected to return.
    pub(super) fn update(&mut self, now: Instant) -> Option<String> {
        let limit = self.limit?;
        self.hanging = self.context.calls.older_than(now, hanging_after(limit));
        self.given_up = self.context.calls.older_than(now, limit.time * GIVE_UP_FACTOR);
        let late = self.context.calls.oldest();
        let late = late.filter(|call| now.duration_since(call.started) >= hanging_after(limit));
        match (&mut self.state, late) {
            (State::Working, None) => None,
            (State::Hanging { call: known, given_up }, Some(call)) if known.started == call.started => {
                let give_up = !*given_up && now.duration_since(call.started) >= limit.time * GIVE_UP_FACTOR;
                *given_up |= give_up;
                give_up.then(|| self.report_given_up(&call, now))
            }
            (_, late) => {
                self.end_hang(now);
                if let Some(call) = late {
                    self.start_hang(call, limit);
                }
                None
            }
        }
    }

    /// The message for a worker that is to be cut off while the flow drains, because the requests of its call ended some
    /// time ago.
    pub(super) fn abandoned(&self, now: Instant) -> Option<String> {
        let (call, given_up) = self.context.calls.first_given_up()?;
        (now.duration_since(given_up) >= ABANDON_AFTER).then(|| self.describe(&call, now))
    }

    fn start_hang(&mut self, call: RunningCall, limit: CallLimit) {
        let WorkerContext { pod, executor, worker, metrics, .. } = &self.context;
        let endpoint = &call.label.endpoint;
        let reason =
            format!("worker `{worker}` hangs in a call of `{executor}` at {endpoint}, longer than {limit}");
        tracing::warn!(pod = &**pod, request = &*call.label.id, "{reason}; the pod is not ready");
        metrics.record_hang();
        self.health.set_unhealthy(reason);
        self.state = State::Hanging { call, given_up: false };
    }

    /// Reports the end of the call that hung, if there was one.
    fn end_hang(&mut self, now: Instant) {
        let State::Hanging { call, .. } = std::mem::replace(&mut self.state, State::Working) else { return };
        let WorkerContext { pod, executor, worker, metrics, .. } = &self.context;
        let (endpoint, took) = (&call.label.endpoint, now.duration_since(call.started).as_secs_f64());
        tracing::warn!(
            pod = &**pod,
            request = &*call.label.id,
            "the call of `{executor}` at {endpoint} in `{worker}` ended after {took:.1} s; the worker is ready again"
        );
        metrics.record_hang_end();
        self.health.set_healthy();
    }

    fn report_given_up(&self, call: &RunningCall, now: Instant) -> String {
        let message = self.describe(call, now);
        tracing::error!(
            pod = &*self.context.pod,
            request = &*call.label.id,
            "{message}, {GIVE_UP_FACTOR} times as long as it may take: it is not expected to return, and only a restart \
             of flowrun frees the worker"
        );
        message
    }

    /// Names the worker, the executor, the endpoint and the time of a call.
    fn describe(&self, call: &RunningCall, now: Instant) -> String {
        let WorkerContext { executor, worker, .. } = &self.context;
        let seconds = now.duration_since(call.started).as_secs_f64();
        let endpoint = &call.label.endpoint;
        format!("worker `{worker}` has been in a call of `{executor}` at {endpoint} for {seconds:.1} s")
    }
}

/// Time after which a call hangs: one and a half times its limit, because executors check their deadline between documents.
fn hanging_after(limit: CallLimit) -> Duration {
    limit.time + limit.time / 2
}
