//! Checks between pods that need built executors: dimensions of embeddings, and summaries for placement strategies.

use super::build::BuiltExecutor;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::spec::Strategy;
use crate::topology::{PodPlan, Topology};

/// Dimensions of the embeddings that a pod writes and reads; `None` where unknown.
#[derive(Clone, Copy, Debug, Default)]
struct Dimensions {
    output: Option<usize>,
    input: Option<usize>,
}

impl Dimensions {
    fn new(built: &[BuiltExecutor]) -> Self {
        let instance = built.first().map(|built| &built.instance);
        Self {
            output: instance.and_then(|instance| instance.output_dimension),
            input: instance.and_then(|instance| instance.input_dimension),
        }
    }
}

/// Parameters that set the dimension of the embeddings that an executor reads.
const DIMENSION_PARAMETERS: [&str; 3] = ["n_dim", "dim", "dimension"];

/// Reports pods that read embeddings of another dimension than the pod directly before them writes. Returns `true` when
/// there are none. Pods further apart are not compared: the pods between may change embeddings.
pub(super) fn check_dimensions(
    topology: &Topology,
    built: &[Vec<BuiltExecutor>],
    report: &mut Report,
) -> bool {
    let dimensions: Vec<Dimensions> = built.iter().map(|built| Dimensions::new(built)).collect();
    let mut matches = true;
    for (writer, own) in topology.pods.iter().zip(&dimensions) {
        for position in writer.outputs.iter().filter_map(|port| port.pod) {
            let known = (own.output, dimensions.get(position).and_then(|reader| reader.input));
            let ((Some(output), Some(input)), Some(reader)) = (known, topology.pods.get(position)) else {
                continue;
            };
            if output != input {
                report.push(dimension_mismatch(writer, output, reader, input));
                matches = false;
            }
        }
    }
    matches
}

fn dimension_mismatch(writer: &PodPlan, output: usize, reader: &PodPlan, input: usize) -> Diagnostic {
    let message = format!(
        "`{}` reads embeddings of dimension {input}, but `{}` before it writes dimension {output}",
        reader.name, writer.name
    );
    let components = reader.executor.iter().flat_map(|plan| &plan.components);
    let mut values = components.flat_map(|component| {
        DIMENSION_PARAMETERS.iter().filter_map(|name| component.arguments.spans.get(*name))
    });
    let value = values.next().map(|(_, value)| *value);
    let help = match value {
        Some(_) => format!("write {output}, or use a model with embeddings of dimension {input}"),
        None => {
            format!(
                "rebuild the index in another workspace, or use the model with embeddings of dimension {input}"
            )
        }
    };
    Diagnostic::at(Code::DimensionMismatch, value.unwrap_or(reader.span), message).help(help)
}

/// Reports pods whose placement strategy needs a shard summary that their executor does not have.
pub(super) fn check_strategies(
    topology: &Topology,
    built: &[Vec<BuiltExecutor>],
    report: &mut Report,
) -> bool {
    let mut supported = true;
    for (pod, built) in topology.pods.iter().zip(built) {
        let has_summary = built.iter().any(|built| built.instance.shard_summary.is_some());
        if pod.strategy.value == Strategy::Hash || pod.shards == 1 || has_summary {
            continue;
        }
        supported = false;
        let message = format!(
            "`{}` could not be started: its executor does not report which documents it stores",
            pod.name
        );
        let help = "write `strategy: hash`, or use a built-in indexer without `isolate: process`, such as `VectorIndexer`";
        report.push(Diagnostic::at(Code::NotStarted, pod.strategy.span, message).help(help));
    }
    supported
}
