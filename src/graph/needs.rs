//! Resolves the names in `needs:` to vertices.

use std::collections::{HashMap, HashSet};

use super::flow_graph::Vertex;
use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};
use crate::spec::{FlowSpec, Needs};

/// A vertex that a pod needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub(super) vertex: Vertex,
    /// Location of its name; `None` when the need is not written in the file.
    pub(super) span: Option<Span>,
}

/// The needs of every pod, in the order of the pods.
pub(super) fn resolve(flow: &FlowSpec, report: &mut Report) -> Vec<Vec<Need>> {
    let positions: HashMap<&str, usize> =
        flow.pods.iter().enumerate().map(|(position, pod)| (pod.name.value.as_str(), position)).collect();
    let mut resolved: Vec<Vec<Need>> = Vec::with_capacity(flow.pods.len());
    let mut previous = Vertex::Entrance;
    for (position, pod) in flow.pods.iter().enumerate() {
        let needs = match &pod.needs {
            Needs::Previous => vec![implied(previous)],
            Needs::AllLeaves => {
                let mut needs: Vec<Need> = leaves(flow, &resolved).map(Vertex::Pod).map(implied).collect();
                if needs.is_empty() {
                    needs.push(implied(previous));
                }
                needs
            }
            Needs::Named(names) => {
                let mut needs: Vec<Need> = Vec::new();
                for name in names {
                    match vertex(&name.value, &positions) {
                        Some(vertex) => {
                            add(&mut needs, Need { vertex, span: Some(name.span) }, &name.value, report)
                        }
                        None => report.push(unknown(&name.value, name.span, flow)),
                    }
                }
                needs
            }
        };
        resolved.push(needs);
        if !pod.floating && !pod.is_inspect {
            previous = Vertex::Pod(position);
        }
    }
    resolved
}

/// A need that is not written in the file.
fn implied(vertex: Vertex) -> Need {
    Need { vertex, span: None }
}

fn vertex(name: &str, positions: &HashMap<&str, usize>) -> Option<Vertex> {
    if name == "gateway" { Some(Vertex::Entrance) } else { positions.get(name).copied().map(Vertex::Pod) }
}

/// Adds a need. A duplicate is reported and left out.
fn add(needs: &mut Vec<Need>, need: Need, name: &str, report: &mut Report) {
    match (needs.iter().find(|known| known.vertex == need.vertex), need.span) {
        (None, _) => needs.push(need),
        (Some(known), Some(span)) => {
            let mut twice = Diagnostic::at(Code::DuplicateNeeds, span, format!("`{name}` is needed twice"));
            if let Some(first) = known.span {
                twice = twice.label(first, "first one");
            }
            report.push(twice.help("remove one of the two"));
        }
        (Some(_), None) => {}
    }
}

/// The leaves among the pods in `resolved`: pods that are waited for and that no pod that is waited for needs.
pub(super) fn leaves(flow: &FlowSpec, resolved: &[Vec<Need>]) -> impl Iterator<Item = usize> {
    let waited = || flow.pods.iter().zip(resolved).enumerate().filter(|(_, (pod, _))| !pod.floating);
    let needed: HashSet<Vertex> =
        waited().flat_map(|(_, (_, needs))| needs.iter().map(|need| need.vertex)).collect();
    let leaves: Vec<usize> = waited().map(|(position, _)| position).collect();
    leaves.into_iter().filter(move |position| !needed.contains(&Vertex::Pod(*position)))
}

fn unknown(name: &str, span: Span, flow: &FlowSpec) -> Diagnostic {
    let names = flow.pods.iter().map(|pod| pod.name.value.as_str()).chain(std::iter::once("gateway"));
    let suggestion = did_you_mean(name, names.clone());
    let known = format!("the pods are {}", names.collect::<Vec<_>>().join(", "));
    let unknown = Diagnostic::at(Code::UnknownNeeds, span, format!("there is no pod `{name}`"));
    let listed = if name.contains(',') {
        Some("write several names as a list: `needs: [a, b]`".to_owned())
    } else {
        None
    };
    unknown.maybe_help(suggestion).maybe_help(listed).help(known)
}
