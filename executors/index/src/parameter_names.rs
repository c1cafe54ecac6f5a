//! Names of an executor's parameters, so that shared code reports errors with the names that the user wrote.

use crate::metric::Metric;

/// Parameter names of an executor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterNames {
    /// Parameter for the metric.
    pub(crate) metric: &'static str,
    /// Supported metrics, with their values of that parameter.
    pub(crate) metrics: &'static [(Metric, &'static str)],
    /// Parameter for the number of dimensions.
    pub(crate) dimension: &'static str,
    /// Parameter for the index type.
    pub(crate) index: &'static str,
    /// Parameter for the default number of matches.
    pub(crate) top_k: &'static str,
}

impl ParameterNames {
    /// The names of `VectorIndexer`.
    pub(crate) const DEFAULT: Self = Self {
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

    /// The executor's value for the metric named `metric_name`; `None` when it does not support that metric.
    pub(crate) fn metric_value(&self, metric_name: &str) -> Option<&'static str> {
        self.metrics.iter().find(|(metric, _)| metric.name() == metric_name).map(|(_, word)| *word)
    }
}
