//! Phase of the gateway's life: open, shutdown announced, draining.
//!
//! Only the phase is kept here. Requests are admitted in [`admission`](super::admission) and connections closed in
//! [`listen`](super::listen).

use tokio::sync::watch;

/// Phase of the gateway's life. It only advances.
#[derive(Debug)]
pub(super) struct ShutdownPhase(watch::Sender<Phase>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Requests are admitted.
    Open,
    /// Requests are admitted, but the gateway reports that it is not ready.
    Announced,
    /// Requests are rejected.
    Draining,
}

impl Default for ShutdownPhase {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Open))
    }
}

impl ShutdownPhase {
    /// Reports the gateway as not ready. Requests are still admitted, until load balancers have noticed.
    pub(super) fn announce(&self) {
        self.advance(Phase::Announced);
    }

    /// Rejects every request from now on. Permits stay valid.
    pub(super) fn start_draining(&self) {
        self.advance(Phase::Draining);
    }

    /// True if the gateway is about to drain, or draining.
    pub(super) fn is_announced(&self) -> bool {
        *self.0.borrow() >= Phase::Announced
    }

    /// True if every request is rejected because the flow is draining.
    pub(super) fn is_draining(&self) -> bool {
        *self.0.borrow() == Phase::Draining
    }

    /// Waits until the shutdown is announced or draining starts.
    pub(super) async fn announced(&self) {
        self.reached(Phase::Announced).await;
    }

    /// Waits until draining starts.
    pub(super) async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    fn advance(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let is_later = *phase < to;
            *phase = (*phase).max(to);
            is_later
        });
    }

    async fn reached(&self, wanted: Phase) {
        // Never an error: `self` owns the sender.
        let _ = self.0.subscribe().wait_for(|phase| *phase >= wanted).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_does_not_end_draining() {
        let phase = ShutdownPhase::default();
        assert!(!phase.is_announced());
        phase.announce();
        assert!(phase.is_announced() && !phase.is_draining());
        phase.start_draining();
        phase.announce();
        assert!(phase.is_announced() && phase.is_draining());
    }
}
