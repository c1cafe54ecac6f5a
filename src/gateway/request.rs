//! What a client asks and what it is told, whatever it speaks.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{Documents, ErrorKind, RequestParameters};

use super::wire::{Status, TraceParent};
use crate::limits::CLIENT_TIMEOUT;
use crate::runtime::Response;

/// A request as a client asked it.
#[derive(Clone, Debug, Default)]
pub(super) struct Question {
    /// Names it; made up when empty.
    pub(super) id: String,
    /// The path, for example `/index`.
    pub(super) endpoint: String,
    /// A pattern of the executors that are meant.
    pub(super) target: String,
    /// The parameters, as they came.
    pub(super) parameters: RequestParameters,
    /// The documents.
    pub(super) documents: Documents,
    /// When the client will have stopped waiting.
    pub(super) deadline: Option<Instant>,
    /// The trace that it belongs to.
    pub(super) parent: Option<TraceParent>,
}

/// What became of a question that was let in.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What came out, or why nothing did.
    pub(super) result: Result<Response, Failed>,
    /// Where the time went, the gateway first.
    pub(super) routes: Vec<Route>,
}

impl Answer {
    /// What to say when a deadline passed while the request was inside.
    pub(super) fn late(&self) -> Option<&str> {
        let failed = self.result.as_ref().err().filter(|failed| failed.kind == ErrorKind::Expired)?;
        Some(&failed.status.message)
    }
}

/// Why nothing came out.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// For programs.
    pub(super) kind: ErrorKind,
    /// For clients.
    pub(super) status: Status,
}

/// A stay at the gateway or at an executor.
#[derive(Clone, Debug)]
pub(super) struct Route {
    /// Its name in the flow.
    pub(super) executor: Arc<str>,
    /// When the request came.
    pub(super) start: SystemTime,
    /// When it went on.
    pub(super) end: Option<SystemTime>,
    /// Whether it failed here.
    pub(super) failed: bool,
}

/// Why a question was not let in. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// There is no room for it now.
    #[error("the flow is busy: {0}; try again in {seconds} s", seconds = Refusal::RETRY_AFTER.as_secs())]
    Overloaded(String),
    /// The flow is about to stop.
    #[error("the flow is ending and takes no more requests")]
    Ending,
    /// Its time was up before there was room for it.
    #[error("the deadline passed before there was room for the request")]
    Expired,
    /// It did not come.
    #[error("the request did not come within {seconds} s", seconds = CLIENT_TIMEOUT.as_secs())]
    Slow,
    /// It can never be let in as it is.
    #[error("{0}")]
    Invalid(String),
    /// It holds more than one request may.
    #[error("{0}")]
    TooLarge(String),
}

impl Refusal {
    /// When to try again after there was no room.
    pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// The kind of error that it is.
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Overloaded(_) | Self::Ending | Self::TooLarge(_) => ErrorKind::Resource,
            Self::Expired | Self::Slow => ErrorKind::Expired,
            Self::Invalid(_) => ErrorKind::Input,
        }
    }
}
