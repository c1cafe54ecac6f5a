//! Metrics in the text format of Prometheus: those of the gateway, the pods and this process, and those that executors
//! report.
//!
//! The reference (`docs/metrics.md`) and the rendered text both come from [`METRICS`], which does not contain the
//! executors' own metrics.

pub(super) mod counters;
mod process;
mod table;
pub(super) mod text;

pub use table::{METRICS, Metric};
