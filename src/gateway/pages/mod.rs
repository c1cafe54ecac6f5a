//! Web pages: search, dashboard, and documentation of the HTTP API.
//!
//! The pages are static files inside the program. They request data from the gateway only, which their content security
//! policy enforces: the flow from `/flow.json` and `/dashboard.json`, searches through `/post` like any other client.
//!
//! If the gateway has tokens, the files themselves stay public, because they contain nothing about the flow. A page
//! prompts for a token, keeps it in the browser tab, and sends it in a header.

pub(super) mod assets;
mod byte_range;
pub(super) mod dashboard;
pub(super) mod log_events;
pub(super) mod log_stream;
pub(super) mod media;
mod media_cache;
pub(super) mod media_tools;
pub(super) mod shown_documents;
pub(super) mod state;
