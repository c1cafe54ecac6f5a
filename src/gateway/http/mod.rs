//! HTTP: requests as JSON in the shapes of Jina's HTTP gateway, streams of events, health, and `/openapi.json`.
//!
//! JSON itself is read and written in [`wire`](super::wire), web pages are served in [`pages`](super::pages).

pub(super) mod endpoint_paths;
pub(super) mod event_stream;
pub(super) mod health;
mod models;
pub(super) mod openapi;
pub(super) mod submit;
