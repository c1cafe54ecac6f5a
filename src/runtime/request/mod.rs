//! One request on its way through the flow: its documents, its deadline, its outcome.
//!
//! [`Request`], [`Response`] and [`Outcome`] are the public side. Inside the flow, an accepted request is an
//! [`InFlightRequest`], and its documents travel as [`Content`]. Parts of a request are merged by [`merge()`](merge::merge).
//! This module starts no tasks and knows neither pods nor executors; `routing` decides where content is sent.

mod content;
mod document_order;
mod gather;
mod in_flight;
mod log_context;
mod merge;
mod message;
mod parameters;
mod pending;
mod relaxation;
mod target;
mod trace;

pub(super) use content::Content;
pub(super) use document_order::DocumentOrder;
pub(super) use gather::Gather;
pub(super) use in_flight::{InFlightRequest, RequestInput, check_size};
pub(super) use log_context::poll_with_log_context;
pub use log_context::{LogContext, RequestLabel, log_context};
pub(crate) use log_context::{sanitize, with_log_context};
pub(crate) use merge::merge_requests;
pub(super) use merge::{MatchPolicy, MergePolicy};
pub use message::{DocumentFailure, Outcome, Request, RequestError, Response};
pub(super) use parameters::ExecutorNames;
pub(crate) use parameters::TARGET_PARAMETER;
pub use pending::PendingResponse;
pub use target::TargetPattern;
pub use trace::{ExecutorCall, PodVisit, RequestTrace};
