//! Builds the graph of a flow, or reports why it cannot be built.

use std::collections::HashMap;

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::DiGraph;

use super::flow_graph::{FlowGraph, Vertex, index};
use super::needs::{self, Need};
use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::limits::PODS_MAX;
use crate::spec::FlowSpec;

/// Connects the pods of `spec`. `None`, and a report, when names are unknown or form a cycle.
pub fn build(spec: FlowSpec, report: &mut Report) -> Option<FlowGraph> {
    if spec.pods.len() > PODS_MAX {
        let message = format!("the flow has {} pods, but at most {PODS_MAX} are allowed", spec.pods.len());
        report.push(Diagnostic::at(Code::OutOfRange, spec.span, message));
        return None;
    }
    if spec.pods.is_empty() {
        let message = "the flow has no pods: every request is returned unchanged";
        report.push(Diagnostic::at(Code::EmptyFlow, spec.span, message));
    }
    let before = report.count(Severity::Error);
    let needs = needs::resolve(&spec, report);
    let graph = connect(&spec, &needs);
    report_cycles(&spec, &graph, &needs, report);
    report_needed_floating(&spec, &needs, report);
    if report.count(Severity::Error) > before {
        return None;
    }
    let order = toposort(&graph, None).ok()?;
    let pod = |index| match graph.node_weight(index) {
        Some(Vertex::Pod(position)) => Some(*position),
        _ => None,
    };
    let order = order.into_iter().filter_map(pod).collect();
    Some(FlowGraph { spec, graph, order, workers: HashMap::new() })
}

/// The graph of all needs. Leaves that are waited for are connected to the exit.
fn connect(spec: &FlowSpec, needs: &[Vec<Need>]) -> DiGraph<Vertex, usize> {
    let mut graph = DiGraph::with_capacity(spec.pods.len() + 2, spec.pods.len() + 1);
    graph.add_node(Vertex::Entrance);
    graph.add_node(Vertex::Exit);
    for position in 0..spec.pods.len() {
        graph.add_node(Vertex::Pod(position));
    }
    for (position, needs) in needs.iter().enumerate() {
        for (order, need) in needs.iter().enumerate() {
            graph.add_edge(index(need.vertex), index(Vertex::Pod(position)), order);
        }
    }
    let mut leaves = needs::leaves(spec, needs).map(Vertex::Pod).peekable();
    if leaves.peek().is_none() {
        graph.add_edge(index(Vertex::Entrance), index(Vertex::Exit), 0);
    }
    for (order, leaf) in leaves.enumerate() {
        graph.add_edge(index(leaf), index(Vertex::Exit), order);
    }
    graph
}

/// Reports every cycle, with the `needs` on it.
fn report_cycles(spec: &FlowSpec, graph: &DiGraph<Vertex, usize>, needs: &[Vec<Need>], report: &mut Report) {
    for component in tarjan_scc(graph) {
        let members: Vec<usize> = component
            .iter()
            .filter_map(|index| match graph.node_weight(*index) {
                Some(Vertex::Pod(position)) => Some(*position),
                _ => None,
            })
            .collect();
        if let Some(cycle) = find_cycle(&members, needs) {
            report.push(cycle_diagnostic(&cycle, spec, needs));
        }
    }
}

/// A cycle through some of `members`, a strongly connected component: each pod is followed by one that it needs.
fn find_cycle(members: &[usize], needs: &[Vec<Need>]) -> Option<Vec<usize>> {
    let next = |position: usize| {
        let needed = needs.get(position)?.iter().filter_map(|need| match need.vertex {
            Vertex::Pod(needed) if members.contains(&needed) => Some(needed),
            _ => None,
        });
        needed.min()
    };
    let mut path = vec![*members.iter().min()?];
    loop {
        let following = next(*path.last()?)?;
        if let Some(start) = path.iter().position(|position| *position == following) {
            return Some(path.split_off(start));
        }
        path.push(following);
    }
}

fn cycle_diagnostic(cycle: &[usize], spec: &FlowSpec, needs: &[Vec<Need>]) -> Diagnostic {
    let name = |position: usize| spec.pods.get(position).map_or("", |pod| pod.name.value.as_str());
    let closed = || cycle.iter().chain(cycle.first());
    let names: Vec<String> = closed().map(|position| format!("`{}`", name(*position))).collect();
    let mut diagnostic =
        Diagnostic::new(Code::Cycle, format!("these pods form a cycle of needs: {}", names.join(" → ")));
    for (position, following) in closed().zip(closed().skip(1)) {
        let need =
            needs.get(*position).into_iter().flatten().find(|need| need.vertex == Vertex::Pod(*following));
        let written = need.and_then(|need| need.span);
        let span = written.or_else(|| spec.pods.get(*position).map(|pod| pod.name.span));
        if let Some(span) = span {
            let implied = if written.is_none() { ", the pod before it" } else { "" };
            diagnostic = diagnostic
                .label(span, format!("`{}` needs `{}`{implied}", name(*position), name(*following)));
        }
    }
    diagnostic.help("remove one of these needs, or write `needs: gateway` in the first pod")
}

/// Reports pods that are waited for but need a floating pod.
fn report_needed_floating(spec: &FlowSpec, needs: &[Vec<Need>], report: &mut Report) {
    for (pod, needs) in spec.pods.iter().zip(needs).filter(|(pod, _)| !pod.floating) {
        for need in needs {
            let Vertex::Pod(needed) = need.vertex else { continue };
            let Some(float) = spec.pods.get(needed).filter(|needed| needed.floating) else { continue };
            let (name, floating) = (&pod.name.value, &float.name.value);
            let message = format!("`{name}` needs `{floating}`, which is floating and so not waited for");
            let diagnostic = Diagnostic::at(Code::NeedsFloating, need.span.unwrap_or(pod.name.span), message);
            let help = format!("add `floating: true` to `{name}`, or remove `floating` from `{floating}`");
            report.push(diagnostic.label(float.name.span, "floating pod").help(help));
        }
    }
}
