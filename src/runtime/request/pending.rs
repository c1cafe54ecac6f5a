//! The caller's handle of an accepted request.

use std::sync::Weak;
use std::time::Instant;

use flowrun_sdk::ErrorKind;
use tokio::sync::oneshot;

use super::in_flight::InFlightRequest;
use super::message::{Outcome, RequestError};

/// Handle of an accepted request. Dropping it cancels the request: no further executor is called for it.
#[derive(Debug)]
pub struct PendingResponse {
    outcome: oneshot::Receiver<Outcome>,
    request: Weak<InFlightRequest>,
    deadline: Option<Instant>,
}

impl PendingResponse {
    pub(in crate::runtime) fn new(
        outcome: oneshot::Receiver<Outcome>,
        request: Weak<InFlightRequest>,
        deadline: Option<Instant>,
    ) -> Self {
        Self { outcome, request, deadline }
    }

    /// Waits for the outcome, at most until the request's deadline.
    pub async fn outcome(mut self) -> Outcome {
        let received = match self.deadline {
            None => (&mut self.outcome).await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), &mut self.outcome).await {
                Ok(received) => received,
                Err(_) => {
                    self.fail(ErrorKind::Expired, "the deadline passed");
                    (&mut self.outcome).await
                }
            },
        };
        let lost =
            || Outcome::Failed(RequestError::outside_pods(ErrorKind::Internal, "the request was lost"));
        received.unwrap_or_else(|_| lost())
    }

    /// Fails the request unless it already has an outcome.
    fn fail(&self, kind: ErrorKind, message: &str) {
        if let Some(request) = self.request.upgrade() {
            request.finish(Outcome::Failed(RequestError::outside_pods(kind, message)));
        }
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        self.fail(ErrorKind::Cancelled, "the request was cancelled");
    }
}
