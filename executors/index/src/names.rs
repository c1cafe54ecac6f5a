//! What an executor calls its parameters, so that an error names what its user wrote and says what can be typed.

use crate::metric::Metric;

/// What an executor calls its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// How distances are measured.
    pub(crate) metric: &'static str,
    /// The metrics that it has, and the words for them.
    pub(crate) metrics: &'static [(Metric, &'static str)],
    /// The number of dimensions.
    pub(crate) dimension: &'static str,
    /// The kind of FAISS index.
    pub(crate) index: &'static str,
    /// How many matches are found when the request does not say.
    pub(crate) top_k: &'static str,
}

impl Names {
    /// What an executor of ours calls them.
    pub(crate) const OWN: Self = Self {
        metric: "metric",
        metrics: &[
            (Metric::Cosine, "cosine"),
            (Metric::Euclidean, "euclidean"),
            (Metric::InnerProduct, "inner_product"),
        ],
        dimension: "dimension",
        index: "index",
        top_k: "top_k",
    };

    /// The word for the metric of that name; `None` when the executor has no such metric.
    pub(crate) fn word_for(&self, metric_name: &str) -> Option<&'static str> {
        self.metrics.iter().find(|(metric, _)| metric.name() == metric_name).map(|(_, word)| *word)
    }
}
