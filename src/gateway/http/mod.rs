//! HTTP: requests as JSON, in the shapes of Jina's HTTP gateway.

pub(super) mod endpoint_paths;
pub(super) mod event_stream;
pub(super) mod health;
mod models;
pub(super) mod openapi;
pub(super) mod submit;
