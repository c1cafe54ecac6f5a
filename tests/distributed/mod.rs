//! Flows whose pods run on workers: results, failures, and the processes themselves.

mod chains;
mod commands;
mod failures;
mod fingerprint;
mod laws;
mod processes;
