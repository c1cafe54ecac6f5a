//! SIGINT and SIGTERM: the first one closes the entrance and lets what is inside finish; the second one ends the
//! program at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::exit::Exit;

/// The signals that end a run.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over. Must be called within tokio.
    pub(super) fn take() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Exit {
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
        }
    }

    /// Sets `stop` at the first signal; ends with how the program has to end at the second, or when the time for what
    /// was inside is up.
    pub(super) async fn watch(
        mut self,
        stop: watch::Sender<bool>,
        first: &std::sync::OnceLock<Exit>,
    ) -> Exit {
        let exit = self.next().await;
        let _ = first.set(exit);
        tracing::warn!("finishing what is inside; a second signal ends at once");
        stop.send_replace(true);
        tokio::select! {
            exit = self.next() => exit,
            () = tokio::time::sleep(crate::limits::DRAIN_TIMEOUT) => Exit::NotDrained,
        }
    }
}
