//! What a batch job did, for people and for programs.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use super::table::TABLE_STYLE;
use crate::runtime::PodStatistics;

/// Failures that are listed one by one; the rest are counted.
const LISTED_MAX: usize = 20;

/// What a batch job did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Documents that went through.
    pub succeeded: usize,
    /// Documents that did not.
    pub failed: usize,
    /// The first of those, each with its reason.
    pub failures: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// What each pod did.
    pub pods: Vec<PodStatistics>,
}

impl Summary {
    /// Notes a document that failed.
    pub(super) fn failed(&mut self, label: &str, reason: &str, pod: Option<&str>) {
        let pod = pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"));
        let line = format!("{label}: {reason}{pod}");
        self.failed += 1;
        if self.failures.len() < LISTED_MAX {
            tracing::warn!("{line}");
            self.failures.push(line);
        } else {
            // A corpus that fails as a whole would drown what matters.
            tracing::info!("{line}");
        }
    }

    /// Documents in a second.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let documents = (self.succeeded + self.failed) as f64;
        documents / self.took.as_secs_f64().max(1e-9)
    }

    /// The share of their time that a pod's workers spent in calls, in percent.
    fn busy_percent(&self, pod: &PodStatistics) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let workers = pod.workers.max(1) as f64;
        100.0 * pod.busy_time.as_secs_f64() / (self.took.as_secs_f64().max(1e-9) * workers)
    }

    /// How many documents, how fast and with what success, in a line.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{} documents in {:.2} s, {:.0} documents/s: {} succeeded, {} failed",
            self.succeeded + self.failed,
            self.took.as_secs_f64(),
            self.rate(),
            self.succeeded,
            self.failed,
        )
    }

    /// The summary for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let pod = |pod: &PodStatistics| {
            json!({
                "pod": pod.pod,
                "workers": pod.workers,
                "calls": pod.calls,
                "failed_calls": pod.failed_calls,
                "failed_documents": pod.failed_documents,
                "busy_percent": self.busy_percent(pod),
                "p50_milliseconds": milliseconds(pod.p50),
                "p99_milliseconds": milliseconds(pod.p99),
                "queue_most": pod.queued_max,
                "restarts": pod.restarts,
            })
        };
        json!({
            "documents": self.succeeded + self.failed,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "failures": self.failures,
            "seconds": self.took.as_secs_f64(),
            "documents_per_second": self.rate(),
            "pods": self.pods.iter().map(pod).collect::<Vec<_>>(),
        })
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(TABLE_STYLE);
        table.set_header(["pod", "workers", "calls", "failed", "busy", "p50", "p99", "queue"]);
        for pod in &self.pods {
            table.add_row([
                pod.pod.clone(),
                pod.workers.to_string(),
                pod.calls.to_string(),
                (pod.failed_calls + pod.failed_documents).to_string(),
                format!("{:.0} %", self.busy_percent(pod)),
                format!("{:.2} ms", milliseconds(pod.p50)),
                format!("{:.2} ms", milliseconds(pod.p99)),
                pod.queued_max.to_string(),
            ]);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        writeln!(f, "{table}")?;
        for failure in &self.failures {
            writeln!(f, "failed: {failure}")?;
        }
        let unlisted = self.failed - self.failures.len();
        if unlisted > 0 {
            writeln!(f, "failed: {unlisted} more")?;
        }
        f.write_str(&self.line())
    }
}
