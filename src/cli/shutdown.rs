//! Graceful shutdown on SIGINT, SIGTERM and SIGHUP.
//!
//! The first signal requests a shutdown: no more work is accepted, and requests in flight may finish. A second signal, or
//! the drain timeout, forces the program to exit. SIGHUP, which a closed terminal sends, has the same effect unless it is
//! ignored from the start, as under `nohup`. SIGUSR1, SIGUSR2 and SIGALRM would end the program by default; they only
//! cause a warning.

use std::path::Path;
use std::time::Duration;

use flowrun_sdk::guard;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::exit::Exit;
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime::{DrainReport, WorkerExit};

/// Maximum size of `/proc/self/status` in bytes; it has about 1,500.
const STATUS_BYTES_MAX: u64 = 64 << 10;

/// Handlers of the signals that end the program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Absent if the program was started with SIGHUP ignored.
    hangup: Option<Signal>,
}

impl Signals {
    /// Replaces the default handlers, which would end the program immediately. Must be called within tokio.
    pub(super) fn take() -> std::io::Result<Self> {
        for kind in [SignalKind::user_defined1(), SignalKind::user_defined2(), SignalKind::alarm()] {
            let mut ignored = signal(kind)?;
            tokio::spawn(async move {
                while ignored.recv().await.is_some() {
                    tracing::warn!(
                        signal = kind.as_raw_value(),
                        "ignoring a signal that has no meaning here"
                    );
                }
            });
        }
        let hangup = SignalKind::hangup();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if is_ignored(hangup) { None } else { Some(signal(hangup)?) },
        })
    }

    /// Returns the shutdown request, made by the first signal, and a future that resolves when the program must exit
    /// although it has not drained: after `delay` and the drain timeout. Signals are only noticed while the future is polled.
    pub(super) fn into_shutdown(mut self, delay: Duration) -> (ShutdownRequest, impl Future<Output = Exit>) {
        let (sender, receiver) = watch::channel(None);
        let forced_exit = async move {
            sender.send_replace(Some(self.next().await));
            tracing::warn!("draining requests in flight; a second signal exits at once");
            tokio::select! {
                exit = self.next() => exit,
                () = tokio::time::sleep(DRAIN_TIMEOUT.saturating_add(delay)) => Exit::NotDrained,
            }
        };
        (ShutdownRequest(receiver), forced_exit)
    }

    async fn next(&mut self) -> Exit {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hung_up => Exit::HungUp,
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
}

/// Returns whether the process ignores a signal, by the mask that Linux reports. On other systems nothing is known to be
/// ignored.
fn is_ignored(kind: SignalKind) -> bool {
    let status = guard::read_text(Path::new("/proc/self/status"), STATUS_BYTES_MAX).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// A shutdown that is requested by the first signal.
#[derive(Clone)]
pub(super) struct ShutdownRequest(watch::Receiver<Option<Exit>>);

impl ShutdownRequest {
    /// Waits for the first signal.
    pub(super) async fn requested(mut self) {
        if self.0.wait_for(Option::is_some).await.is_err() {
            // Signals are no longer watched, so none will arrive.
            std::future::pending::<()>().await;
        }
    }

    /// Exit status of the first signal, if there was one.
    pub(super) fn signal(&self) -> Option<Exit> {
        *self.0.borrow()
    }
}

/// Exit status of a flow that has drained, possibly because of a signal. Logs workers that failed while stopping.
pub(super) fn exit_of_drained(drained: &DrainReport, signal: Option<Exit>) -> Exit {
    for worker in &drained.failed_workers {
        match worker {
            WorkerExit::Abandoned(message) => {
                tracing::error!("{message}; it was not waited for, and its executor was not closed");
            }
            WorkerExit::CloseFailed(error) => {
                tracing::error!("an executor could not be closed, so its last data may be missing: {error}");
            }
            WorkerExit::Failed(reason) => tracing::error!("a worker failed: {reason}"),
            WorkerExit::Completed => {}
        }
    }
    match signal {
        _ if !drained.completed() => Exit::NotDrained,
        Some(exit) => exit,
        None if !drained.failed_workers.is_empty() => Exit::Failed,
        None => Exit::Done,
    }
}
