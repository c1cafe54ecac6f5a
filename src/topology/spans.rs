//! Positions in the flow file of the parts of a topology, for diagnostics at launch.

use indexmap::IndexMap;

use crate::diagnostic::{Code, Diagnostic, Span};

/// Positions of a topology's parts. Empty in a topology that was deserialised.
///
/// All values are equal, so that two topologies with different formatting of the same flow are equal.
#[derive(Clone, Debug, Default)]
pub struct TopologySpans {
    /// Positions by pod, in the order of the topology.
    pub pods: Vec<PodSpans>,
    /// Positions of the inputs of a batch job.
    pub job_inputs: Vec<Span>,
}

/// Positions of one pod.
#[derive(Clone, Debug)]
pub struct PodSpans {
    /// The executor (`uses`, `uses_before` or `uses_after`).
    pub executor: Span,
    /// The placement strategy.
    pub strategy: Span,
    /// Positions by component.
    pub components: Vec<ComponentSpans>,
}

/// Positions of one component.
#[derive(Clone, Debug)]
pub struct ComponentSpans {
    /// The component, or its parameters.
    pub component: Span,
    /// Names and values of the parameters.
    pub parameters: IndexMap<String, (Span, Span)>,
}

impl PartialEq for TopologySpans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl TopologySpans {
    /// Positions of the pod at `position`; `None` when unknown.
    pub(crate) fn pod(&self, position: usize) -> Option<&PodSpans> {
        self.pods.get(position)
    }

    /// A diagnostic about the pod at `position`. It has no source location when the position is unknown.
    pub(crate) fn at_pod(&self, code: Code, position: usize, message: impl Into<String>) -> Diagnostic {
        diagnostic_at(code, self.pod(position).map(|pod| pod.executor), message)
    }
}

/// A diagnostic at `span`, or without a source location.
pub(crate) fn diagnostic_at(code: Code, span: Option<Span>, message: impl Into<String>) -> Diagnostic {
    match span {
        Some(span) => Diagnostic::at(code, span, message),
        None => Diagnostic::new(code, message),
    }
}
