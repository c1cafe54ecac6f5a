//! Supervision of one executor's child: restarts it when it dies, with exponential backoff while restarts do not help.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flowrun_sdk::{ErrorKind, ExecutorError, Health, tracing};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::child_spec::ChildSpec;
use super::connection::ChildConnection;
use super::recent_deaths::RecentDeaths;
use super::start_error::StartError;

/// Number of [`consecutive_failures`](SupervisorTask::consecutive_failures) from which on calls fail immediately instead of
/// waiting for a restart.
const FAIL_FAST_FAILURES: u32 = 5;

/// Backoff before the second restart; the first restart is immediate. Doubled for every further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// Maximum backoff.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// State of the supervised child.
#[derive(Clone)]
enum State {
    /// The child accepts calls.
    Running(Arc<ChildConnection>),
    /// The child is being restarted; calls wait.
    Restarting,
    /// The child is being restarted after repeated failures; calls fail with this reason.
    FailFast(Arc<str>),
}

/// Keeps one child running until it is closed or dropped.
pub(crate) struct Supervisor {
    state: watch::Receiver<State>,
    /// Stops the supervision when it is set or dropped.
    stop: watch::Sender<bool>,
    close_result: watch::Receiver<Option<Result<(), String>>>,
}

impl Supervisor {
    /// Starts the child and waits until it is ready.
    ///
    /// # Errors
    /// If the child cannot be started or is not ready in time.
    pub(crate) async fn start(
        spec: ChildSpec,
        health: Health,
    ) -> Result<(Self, Arc<ChildConnection>), StartError> {
        let (reason_sender, unhealthy_reason) = watch::channel(None);
        let connection = Arc::new(ChildConnection::start(&spec, reason_sender.clone()).await?);
        let (state_sender, state) = watch::channel(State::Running(Arc::clone(&connection)));
        let (stop, stop_receiver) = watch::channel(false);
        let (close_sender, close_result) = watch::channel(None);
        let task = SupervisorTask {
            spec,
            health,
            reason_sender,
            unhealthy_reason,
            state: state_sender,
            deaths: RecentDeaths::default(),
            consecutive_failures: 0,
        };
        let first = Arc::clone(&connection);
        tokio::spawn(async move {
            let result = task.run(first, stop_receiver).await;
            close_sender.send_replace(Some(result));
        });
        Ok((Self { state, stop, close_result }, connection))
    }

    /// Waits for a running child with a free permit for one call.
    ///
    /// # Errors
    /// If the child failed repeatedly or was closed.
    pub(crate) async fn acquire(
        &self,
    ) -> Result<(Arc<ChildConnection>, OwnedSemaphorePermit), ExecutorError> {
        let mut state = self.state.clone();
        loop {
            let current = state.wait_for(|state| !matches!(state, State::Restarting)).await;
            let connection = match current.map(|current| current.clone()) {
                Ok(State::Running(connection)) => connection,
                Ok(State::FailFast(reason)) => return Err(process_error(&reason)),
                Ok(State::Restarting) | Err(_) => return Err(process_error("was closed")),
            };
            if let Ok(permit) = Arc::clone(&connection.permits).acquire_owned().await {
                return Ok((connection, permit));
            }
            // The child died while this call waited for a permit: wait until the supervisor has noticed it.
            let is_same =
                |state: &State| matches!(state, State::Running(current) if Arc::ptr_eq(current, &connection));
            if state.wait_for(|state| !is_same(state)).await.is_err() {
                return Err(process_error("was closed"));
            }
        }
    }

    /// Closes the executor in the child and ends the child.
    ///
    /// # Errors
    /// If the executor could not be closed.
    pub(crate) async fn close(&self) -> Result<(), ExecutorError> {
        self.stop.send_replace(true);
        let mut close_result = self.close_result.clone();
        let result = close_result.wait_for(Option::is_some).await.ok().and_then(|result| result.clone());
        result.unwrap_or(Ok(())).map_err(ExecutorError::resource)
    }
}

/// Error of a call whose child has ended. `reason` is the predicate of a sentence.
pub(crate) fn process_error(reason: &str) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, format_args!("the executor's process {reason}"))
}

/// The supervising task, which owns the state.
struct SupervisorTask {
    spec: ChildSpec,
    health: Health,
    /// Passed to every connection, which sends the health that its child reports.
    reason_sender: watch::Sender<Option<String>>,
    unhealthy_reason: watch::Receiver<Option<String>>,
    state: watch::Sender<State>,
    deaths: RecentDeaths,
    /// Number of deaths and failed starts since a child last replied to a call; the death of that child is the first.
    consecutive_failures: u32,
}

impl SupervisorTask {
    /// Supervises until `stop` is set or dropped. Returns the result of closing the executor.
    async fn run(
        mut self,
        first: Arc<ChildConnection>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), String> {
        let mut connection = first;
        loop {
            let exit_reason = loop {
                self.update_health(None);
                let death_forgotten = self.deaths.next_change().unwrap_or_else(far_future);
                tokio::select! {
                    reason = connection.wait_for_exit() => break reason,
                    () = stopped(&mut stop) => return connection.close().await,
                    changed = self.unhealthy_reason.changed() => if changed.is_err() { return Ok(()) },
                    () = tokio::time::sleep_until(death_forgotten.into()) => {}
                }
            };
            let has_replied = connection.has_replied.load(Ordering::Relaxed);
            self.consecutive_failures = if has_replied { 1 } else { self.consecutive_failures + 1 };
            self.record_death(&exit_reason);
            drop(connection);
            connection = tokio::select! {
                connection = self.restart() => connection,
                () = stopped(&mut stop) => return Ok(()),
            };
            tracing::warn!(pod = &*self.spec.worker, "the executor's process was restarted");
            self.state.send_replace(State::Running(Arc::clone(&connection)));
        }
    }

    /// Starts new children with backoff until one is ready.
    async fn restart(&mut self) -> Arc<ChildConnection> {
        loop {
            tokio::time::sleep(backoff(self.consecutive_failures)).await;
            match ChildConnection::start(&self.spec, self.reason_sender.clone()).await {
                Ok(connection) => return Arc::new(connection),
                Err(error) => {
                    self.consecutive_failures += 1;
                    self.record_death(&format!("cannot be restarted: {error}"));
                }
            }
        }
    }

    /// Records that there is no running child, and why.
    fn record_death(&mut self, reason: &str) {
        tracing::error!(pod = &*self.spec.worker, "the executor's process {reason}");
        self.deaths.record(Instant::now());
        self.update_health(Some(reason));
        let fail_fast = self.consecutive_failures >= FAIL_FAST_FAILURES;
        self.state.send_replace(if fail_fast { State::FailFast(reason.into()) } else { State::Restarting });
    }

    /// Updates the health of the pod. `exit_reason` is set if there is no running child.
    fn update_health(&mut self, exit_reason: Option<&str>) {
        let reported = self.unhealthy_reason.borrow_and_update().clone();
        let deaths = self.deaths.unhealthy_reason(Instant::now());
        let down = exit_reason.map(|reason| {
            let first_line = reason.lines().next().unwrap_or_default();
            format!("its process {first_line}")
        });
        let reasons: Vec<String> = [deaths, down, reported].into_iter().flatten().collect();
        match reasons.is_empty() {
            true => self.health.set_healthy(),
            false => self.health.set_unhealthy(reasons.join("; ")),
        }
    }
}

/// Delay before the next restart.
fn backoff(consecutive_failures: u32) -> Duration {
    let doublings = consecutive_failures.saturating_sub(2);
    match consecutive_failures {
        0 | 1 => Duration::ZERO,
        _ => BACKOFF_MIN.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(BACKOFF_MAX),
    }
}

/// Waits until `stop` is set or its sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A time that is not reached in practice: one day ahead, after which the health is merely updated again.
fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_immediate_and_the_backoff_doubles_up_to_its_maximum() {
        let delays: Vec<u128> = (0..=12).map(|failures| backoff(failures).as_millis()).collect();
        assert_eq!(delays, [0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
