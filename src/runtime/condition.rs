//! The condition of a running pod (`when`), and the check that documents have the tags that it names.
//!
//! A misspelt tag matches nothing, or everything under a negation. Which tags exist is only known from the documents, and a
//! tag may be rare: a name is reported once, as soon as it resembles a tag of a document, otherwise after
//! [`DOCUMENTS_BEFORE_REPORT`] documents or when the flow ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flowrun_sdk::filter::{Filter, UnknownTags};
use parking_lot::Mutex;

use super::metrics::PodMetrics;
use super::request::Content;

/// Documents without a tag after which it is reported, although it resembles none of their tags.
const DOCUMENTS_BEFORE_REPORT: u64 = 100;

/// Selects the documents that enter a pod.
pub(super) struct PodCondition {
    filter: Arc<Filter>,
    pod: Arc<str>,
    metrics: Arc<PodMetrics>,
    /// Cleared once every tag in the filter was in a document.
    has_unknown: AtomicBool,
    observed: Mutex<ObservedTags>,
}

/// Tags that the filter names and documents lacked so far.
struct ObservedTags {
    unknown: UnknownTags,
    is_reported: bool,
}

impl PodCondition {
    pub(super) fn new(filter: Arc<Filter>, pod: Arc<str>, metrics: Arc<PodMetrics>) -> Self {
        let unknown = UnknownTags::of_filter(&filter);
        let has_unknown = AtomicBool::new(!unknown.is_empty());
        let observed = Mutex::new(ObservedTags { unknown, is_reported: false });
        Self { filter, pod, metrics, has_unknown, observed }
    }

    /// Removes the documents that do not match.
    pub(super) fn apply(&self, content: &mut Content) {
        if self.has_unknown.load(Ordering::Relaxed) {
            self.observe(content);
        }
        content.retain(|document| self.filter.matches(document));
    }

    fn observe(&self, content: &Content) {
        let mut observed = self.observed.lock();
        for document in content.documents.iter() {
            if observed.unknown.is_empty() {
                self.has_unknown.store(false, Ordering::Relaxed);
                break;
            }
            observed.unknown.observe(&document.tags);
        }
        if observed.unknown.documents() > 0 {
            self.metrics.set_unknown_tags(observed.unknown.len());
        }
        let is_due = observed.unknown.documents() >= DOCUMENTS_BEFORE_REPORT;
        if !observed.is_reported && (is_due || observed.unknown.has_suggestion()) {
            observed.report(&self.pod);
        }
    }
}

impl ObservedTags {
    fn report(&mut self, pod: &str) {
        let documents = self.unknown.documents();
        if let Some(problem) = self.unknown.describe("document so far") {
            self.is_reported = true;
            tracing::warn!(pod, documents, "`when`: {problem}");
        }
    }
}

impl Drop for PodCondition {
    fn drop(&mut self) {
        let observed = self.observed.get_mut();
        if !observed.is_reported {
            observed.report(&self.pod);
        }
    }
}
