//! A request that was accepted and is not yet answered.

use std::sync::Weak;
use std::time::Instant;

use flowrun_sdk::ErrorKind;
use tokio::sync::oneshot;

use super::obligation::InFlightRequest;
use super::request::{Outcome, RequestError};

/// Waits for the outcome of one request. Dropping it gives the request up: no further executor sees it.
#[derive(Debug)]
pub struct PendingResponse {
    outcome: oneshot::Receiver<Outcome>,
    request: Weak<InFlightRequest>,
    deadline: Option<Instant>,
}

impl PendingResponse {
    pub(super) fn new(
        outcome: oneshot::Receiver<Outcome>,
        request: Weak<InFlightRequest>,
        deadline: Option<Instant>,
    ) -> Self {
        Self { outcome, request, deadline }
    }

    /// The outcome, at the deadline at the latest.
    pub async fn outcome(mut self) -> Outcome {
        let answered = match self.deadline {
            None => (&mut self.outcome).await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), &mut self.outcome).await {
                Ok(answered) => answered,
                Err(_) => {
                    self.settle(ErrorKind::Expired, "the deadline passed");
                    (&mut self.outcome).await
                }
            },
        };
        let lost = || Outcome::Failed(RequestError::of_kind(ErrorKind::Internal, "the request was lost"));
        answered.unwrap_or_else(|_| lost())
    }

    fn settle(&self, kind: ErrorKind, message: &str) {
        if let Some(request) = self.request.upgrade() {
            request.settle(Outcome::Failed(RequestError::of_kind(kind, message)));
        }
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        // Does nothing when the request was answered.
        self.settle(ErrorKind::Cancelled, "the request was given up");
    }
}
