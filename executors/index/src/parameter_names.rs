//! Names of an executor's parameters, so that shared code reports errors with the names that the user wrote.

use crate::metric::Metric;

/// Parameter names of an executor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterNames {
    /// Name of the parameter for the metric.
    pub(crate) metric: &'static str,
    /// Supported metrics, each with the value of that parameter that selects it.
    pub(crate) metrics: &'static [(Metric, &'static str)],
    /// Name of the parameter for the number of dimensions.
    pub(crate) dimension: &'static str,
    /// Name of the parameter for the index type.
    pub(crate) index: &'static str,
    /// Name of the parameter for the default number of matches per query.
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

    /// The value of the executor's metric parameter for the metric whose [`Metric::name`] is `metric_name`; `None` when the
    /// executor does not support that metric.
    pub(crate) fn metric_value(&self, metric_name: &str) -> Option<&'static str> {
        self.metrics.iter().find(|(metric, _)| metric.name() == metric_name).map(|(_, word)| *word)
    }
}
