//! Embeddings of one length made, and of another read: told before there is any document.

use flowrun_sdk::Instance;

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::topology::{PodPlan, Topology};

/// How many numbers the embeddings have that a pod makes, and those that it reads, as far as it knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dimensions {
    pub(super) made: Option<usize>,
    pub(super) read: Option<usize>,
}

impl Dimensions {
    pub(super) fn of(instance: &Instance) -> Self {
        Self { made: instance.output_dimension, read: instance.input_dimension }
    }
}

/// Parameters that say how long the embeddings are that an executor reads.
const NAMES: [&str; 3] = ["n_dim", "dim", "dimension"];

/// Holds what each pod makes against what the pods read that it leads straight to; what pods in between do to
/// embeddings is their affair. Whether all is well.
pub(super) fn check(topology: &Topology, dimensions: &[Dimensions], report: &mut Report) -> bool {
    let mut is_well = true;
    for (maker, own) in topology.pods.iter().zip(dimensions) {
        for reader in maker.outputs.iter().filter_map(|port| port.pod) {
            let known = (own.made, dimensions.get(reader).and_then(|reader| reader.read));
            let ((Some(made), Some(read)), Some(reader)) = (known, topology.pods.get(reader)) else {
                continue;
            };
            if made != read {
                report.push(mismatch(maker, made, reader, read));
                is_well = false;
            }
        }
    }
    is_well
}

fn mismatch(maker: &PodPlan, made: usize, reader: &PodPlan, read: usize) -> Diagnostic {
    let message = format!(
        "`{}` reads embeddings of {read} numbers, but those of `{}` before it have {made}",
        reader.name, maker.name
    );
    let components = reader.executor.iter().flat_map(|plan| &plan.components);
    let places =
        components.flat_map(|component| NAMES.iter().filter_map(|name| component.arguments.spans.get(*name)));
    let place = places.map(|(_, value)| *value).next();
    let help = match place {
        Some(_) => format!("say {made}, or take a model whose embeddings have {read} numbers"),
        None => {
            format!("index anew in another workspace, or take the model whose embeddings have {read} numbers")
        }
    };
    Diagnostic::at(Code::DimensionMismatch, place.unwrap_or(reader.span), message).help(help)
}
