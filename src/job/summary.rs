//! Summary of a batch job, as a table for people and as JSON for programs.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Value, json};

use super::count::counted;
use super::table_style::TABLE_STYLE;
use crate::limits::JOB_FAILURES_MAX;
use crate::runtime::PodStatistics;

/// Maximum number of groups of failures in the text for people; the rest are counted.
const GROUPS_MAX: usize = 20;

/// Maximum number of documents that are named per group.
const GROUP_LABELS_MAX: usize = 5;

/// A document that failed or could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Name of the document: its URI or id, or the file and line that it was read from.
    pub label: String,
    /// Description of the error.
    pub reason: String,
    /// Pod that failed; absent if the document did not reach the flow.
    pub pod: Option<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.label, self.reason, in_pod(self.pod.as_deref()))
    }
}

/// Counts, failures and pod statistics of a batch job.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Number of input documents that succeeded.
    pub succeeded: usize,
    /// Number of input documents that failed or could not be read.
    pub failed: usize,
    /// Number of files that were found and not read: see [`Located::skipped`](super::Located::skipped).
    pub skipped: usize,
    /// Number of documents that succeeded in earlier runs, by the checkpoint.
    pub done_before: u64,
    /// The first [`JOB_FAILURES_MAX`] failures, in the order of the input.
    failures: Vec<Failure>,
    /// Wall time of the job.
    pub elapsed: Duration,
    /// Statistics of each pod; empty for a job on a service.
    pub pods: Vec<PodStatistics>,
}

impl Summary {
    /// Counts and records a document that failed.
    pub(super) fn add_failure(&mut self, label: &str, reason: &str, pod: Option<&str>) {
        self.failed += 1;
        let failure =
            Failure { label: label.to_owned(), reason: reason.to_owned(), pod: pod.map(str::to_owned) };
        // Printed with the summary; a warning here would be the second message about the same document.
        tracing::debug!("{failure}");
        if self.failures.len() < JOB_FAILURES_MAX {
            self.failures.push(failure);
        }
    }

    /// The failures that are recorded, in the order of the input.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
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

    /// One line with the number of documents, the rate, and the numbers of successes, failures and skipped files.
    #[must_use]
    pub fn line(&self) -> String {
        let skipped = match self.skipped {
            0 => String::new(),
            count => format!(", {} skipped", counted(count as u64, "file")),
        };
        let before = match self.done_before {
            0 => String::new(),
            count => format!(", {} done before", counted(count, "document")),
        };
        format!(
            "{} in {:.2} s, {:.0} documents/s: {} succeeded, {} failed{skipped}{before}",
            counted(self.documents() as u64, "document"),
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
            "skipped": self.skipped,
            "done_before": self.done_before,
            "failures": self.failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "seconds": self.elapsed.as_secs_f64(),
            "documents_per_second": self.rate(),
            "pods": self.pods.iter().map(pod).collect::<Vec<_>>(),
        })
    }

    /// Writes the failures for people: one line per reason and pod, with the number of documents and the first of them.
    ///
    /// # Errors
    /// Fails if `out` does.
    pub fn write_failures(&self, out: &mut impl Write) -> io::Result<()> {
        let mut groups: Vec<(&Failure, Vec<&str>)> = Vec::new();
        let mut positions: HashMap<(&str, Option<&str>), usize> = HashMap::new();
        for failure in &self.failures {
            let key = (failure.reason.as_str(), failure.pod.as_deref());
            let position = *positions.entry(key).or_insert_with(|| {
                groups.push((failure, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, labels)) = groups.get_mut(position) {
                labels.push(&failure.label);
            }
        }
        for (first, labels) in groups.iter().take(GROUPS_MAX) {
            match labels.len() {
                1 => writeln!(out, "failed: {first}")?,
                count => {
                    let named = labels.iter().take(GROUP_LABELS_MAX).copied().collect::<Vec<_>>().join(", ");
                    let ellipsis = if count > GROUP_LABELS_MAX { ", …" } else { "" };
                    let pod = in_pod(first.pod.as_deref());
                    writeln!(out, "failed: {count} × {}{pod}: {named}{ellipsis}", first.reason)?;
                }
            }
        }
        let listed: usize = groups.iter().take(GROUPS_MAX).map(|(_, labels)| labels.len()).sum();
        match self.failed - listed {
            0 => Ok(()),
            more => writeln!(out, "failed: {more} more; `--summary FILE` lists them"),
        }
    }
}

fn in_pod(pod: Option<&str>) -> String {
    pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pods.is_empty() {
            let mut table = Table::new();
            // As wide as the terminal of standard error, which the summary is printed to.
            table.load_style(TABLE_STYLE).use_stderr().set_content_arrangement(ContentArrangement::Dynamic);
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
            table
                .column_iter_mut()
                .skip(1)
                .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
            writeln!(f, "{table}")?;
        }
        let mut failures = Vec::new();
        self.write_failures(&mut failures).map_err(|_| fmt::Error)?;
        f.write_str(&String::from_utf8_lossy(&failures))?;
        f.write_str(&self.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_in_the_json_summary_and_in_one_group_of_the_text() {
        let mut summary = Summary::default();
        for number in 0..25 {
            summary.add_failure(&format!("n{number:02}"), "the document has no text", Some("enc"));
        }
        summary.add_failure("a.jsonl:3", "not JSON", None);
        assert_eq!(summary.to_json()["failures"].as_array().unwrap().len(), 26);
        let text = summary.to_string();
        assert!(
            text.contains(
                "failed: 25 × the document has no text (in `enc`): n00, n01, n02, n03, n04, …\nfailed: a.jsonl:3: not JSON\n"
            ),
            "{text}"
        );
        assert_eq!(text.matches("n00").count(), 1);
    }

    #[test]
    fn groups_beyond_the_limit_are_counted() {
        let mut summary = Summary::default();
        (0..GROUPS_MAX + 3).for_each(|number| summary.add_failure("x", &number.to_string(), None));
        assert!(summary.to_string().contains("failed: 3 more; `--summary FILE` lists them"));
    }

    #[test]
    fn one_document_is_singular() {
        let summary = Summary { succeeded: 1, ..Summary::default() };
        assert!(summary.line().starts_with("1 document in "));
        assert!(Summary::default().line().starts_with("0 documents in "));
        let skipped = Summary { skipped: 3, ..Summary::default() };
        assert!(skipped.line().ends_with("0 succeeded, 0 failed, 3 files skipped"), "{}", skipped.line());
    }
}
