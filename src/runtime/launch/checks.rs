//! Checks of a flow's executors against each other and against the plan, by their descriptions. Unknown facts pass.

use flowrun_sdk::ExecutorDescription;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::spec::Strategy;
use crate::topology::{Topology, diagnostic_at};

/// Parameters that set the dimension of the embeddings that an executor reads.
const DIMENSION_PARAMETERS: [&str; 3] = ["n_dim", "dim", "dimension"];

/// Runs all checks; `descriptions` has one entry for each pod of `topology`. Returns `true` when there are no errors.
pub(super) fn check(topology: &Topology, descriptions: &[ExecutorDescription], report: &mut Report) -> bool {
    let dimensions = check_dimensions(topology, descriptions, report);
    let strategies = check_strategies(topology, descriptions, report);
    dimensions && strategies
}

/// Reports pods that read embeddings of another dimension than the pod directly before them writes. Pods further apart are
/// not compared: the pods between may change embeddings.
fn check_dimensions(topology: &Topology, descriptions: &[ExecutorDescription], report: &mut Report) -> bool {
    let mut matches = true;
    for (position, (writer, own)) in topology.pods.iter().zip(descriptions).enumerate() {
        for reader in writer.outputs.iter().filter_map(|port| port.pod) {
            let input = descriptions.get(reader).and_then(|reader| reader.input_dimension.known().copied());
            let output = own.output_dimension.known().copied();
            if let (Some(Some(output)), Some(Some(input))) = (output, input)
                && output != input
            {
                report.push(dimension_mismatch(topology, (position, output), (reader, input)));
                matches = false;
            }
        }
    }
    matches
}

/// Diagnostic for two pods, given as positions and dimensions. It points at the parameter that sets the input dimension.
fn dimension_mismatch(
    topology: &Topology,
    (writer, output): (usize, usize),
    (reader, input): (usize, usize),
) -> Diagnostic {
    let name = |position: usize| topology.pods.get(position).map_or("", |pod| pod.name.as_str());
    let message = format!(
        "`{}` reads embeddings of dimension {input}, but `{}` before it writes dimension {output}",
        name(reader),
        name(writer)
    );
    let spans = topology.spans.pod(reader);
    let mut values = spans
        .into_iter()
        .flat_map(|pod| &pod.components)
        .flat_map(|component| DIMENSION_PARAMETERS.iter().filter_map(|name| component.parameters.get(*name)));
    let value = values.next().map(|(_, value)| *value);
    let help = match value {
        Some(_) => format!("write {output}, or use a model with embeddings of dimension {input}"),
        None => {
            format!(
                "rebuild the index in another workspace, or use the model with embeddings of dimension {input}"
            )
        }
    };
    let span = value.or_else(|| spans.map(|pod| pod.executor));
    diagnostic_at(Code::DimensionMismatch, span, message).help(help)
}

/// Reports pods whose placement strategy needs a shard summary that their executor does not have.
fn check_strategies(topology: &Topology, descriptions: &[ExecutorDescription], report: &mut Report) -> bool {
    let mut supported = true;
    for (position, (pod, description)) in topology.pods.iter().zip(descriptions).enumerate() {
        let lacks_summary = description.shard_summary.known() == Some(&false);
        if pod.strategy == Strategy::Hash || pod.shards == 1 || !lacks_summary {
            continue;
        }
        supported = false;
        let message = format!(
            "`{}` could not be started: its executor does not report which documents it stores",
            pod.name
        );
        let help = "write `strategy: hash`, or use a built-in indexer without `isolate: process`, such as `VectorIndexer`";
        let span = topology.spans.pod(position).map(|pod| pod.strategy);
        report.push(diagnostic_at(Code::NotStarted, span, message).help(help));
    }
    supported
}
