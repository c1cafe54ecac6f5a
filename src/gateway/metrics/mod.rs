//! Metrics in the text format of Prometheus: those of the gateway and its pods, and those of executors.
//!
//! [`METRICS`] is both the reference and what is rendered.

pub(super) mod counters;
mod table;
pub(super) mod text;

pub use table::{METRICS, Metric};
