//! Metrics in the text format of Prometheus: those of the gateway and its pods, and those of executors.
//!
//! The reference documentation and the rendered text both come from [`METRICS`].

pub(super) mod counters;
mod process;
mod table;
pub(super) mod text;

pub use table::{METRICS, Metric};
