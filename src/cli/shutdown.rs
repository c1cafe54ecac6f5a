//! Graceful shutdown on SIGINT and SIGTERM.
//!
//! The first signal requests a shutdown: no more work is accepted, and requests in flight may finish. A second signal, or
//! the drain timeout, forces the program to exit. SIGHUP is not handled here.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::exit::Exit;
use crate::limits::DRAIN_TIMEOUT;
use crate::runtime::DrainReport;

/// Handlers of the signals that end the program.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Replaces the default handlers, which would end the program at once. Must be called within tokio.
    pub(super) fn take() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Returns the shutdown request, made by the first signal, and a future that resolves when the program must exit
    /// although it has not drained. Signals are only noticed while the future is polled.
    pub(super) fn into_shutdown(mut self) -> (ShutdownRequest, impl Future<Output = Exit>) {
        let (sender, receiver) = watch::channel(None);
        let forced_exit = async move {
            sender.send_replace(Some(self.next().await));
            tracing::warn!("draining requests in flight; a second signal exits at once");
            tokio::select! {
                exit = self.next() => exit,
                () = tokio::time::sleep(DRAIN_TIMEOUT) => Exit::NotDrained,
            }
        };
        (ShutdownRequest(receiver), forced_exit)
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }
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
        tracing::error!("a worker failed while stopping: {worker:?}");
    }
    match signal {
        _ if !drained.completed() => Exit::NotDrained,
        Some(exit) => exit,
        None if !drained.failed_workers.is_empty() => Exit::Failed,
        None => Exit::Done,
    }
}
