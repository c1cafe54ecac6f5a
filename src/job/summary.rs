//! Summary of a batch job, as a table for people and as JSON for programs.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use super::table_style::TABLE_STYLE;
use crate::runtime::PodStatistics;

/// Maximum number of failures that are listed one by one; the rest are counted.
const FAILURES_LISTED_MAX: usize = 20;

/// Counts, failures and pod statistics of a batch job.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Number of input documents that succeeded.
    pub succeeded: usize,
    /// Number of input documents that failed or could not be read.
    pub failed: usize,
    /// The first failures, as `LABEL: REASON (in POD)`.
    pub failures: Vec<String>,
    /// Wall time of the job.
    pub elapsed: Duration,
    /// Statistics of each pod; empty for a job on a service.
    pub pods: Vec<PodStatistics>,
}

impl Summary {
    /// Counts, lists and logs a document that failed.
    pub(super) fn add_failure(&mut self, label: &str, reason: &str, pod: Option<&str>) {
        let pod = pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"));
        let line = format!("{label}: {reason}{pod}");
        self.failed += 1;
        if self.failures.len() < FAILURES_LISTED_MAX {
            tracing::warn!("{line}");
            self.failures.push(line);
        } else {
            // Not a warning, because a corpus that fails completely would flood the log.
            tracing::info!("{line}");
        }
    }

    /// Number of documents, failed or not.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.succeeded + self.failed
    }

    /// Documents per second.
    fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let documents = self.documents() as f64;
        documents / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Percentage of their time that the workers of a pod spent in calls.
    fn busy_percent(&self, pod: &PodStatistics) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let workers = pod.workers.max(1) as f64;
        100.0 * pod.busy_time.as_secs_f64() / (self.elapsed.as_secs_f64().max(1e-9) * workers)
    }

    /// One line with the number of documents, the rate, and the numbers of successes and failures.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{} documents in {:.2} s, {:.0} documents/s: {} succeeded, {} failed",
            self.documents(),
            self.elapsed.as_secs_f64(),
            self.rate(),
            self.succeeded,
            self.failed,
        )
    }

    /// The summary as a JSON object.
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
            "documents": self.documents(),
            "succeeded": self.succeeded,
            "failed": self.failed,
            "failures": self.failures,
            "seconds": self.elapsed.as_secs_f64(),
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
