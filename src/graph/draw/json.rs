//! Renders a graph as JSON, for programs.

use serde_json::{Value, json};

use super::labels::{addresses, uses};
use crate::graph::flow_graph::{FlowGraph, Vertex};

pub(super) fn draw(graph: &FlowGraph) -> String {
    let pods: Value = graph
        .spec()
        .pods
        .iter()
        .enumerate()
        .map(|(position, pod)| {
            let needs = graph.needs(Vertex::Pod(position));
            let polling = pod.polling.entries();
            json!({
                "name": pod.name.value,
                "needs": needs.into_iter().map(|vertex| graph.name(vertex)).collect::<Vec<_>>(),
                "replicas": pod.replicas,
                "shards": pod.shards,
                "polling": polling
                    .map(|(endpoint, polling)| (endpoint.to_owned(), Value::from(polling.name())))
                    .collect::<serde_json::Map<_, _>>(),
                "uses": uses(pod),
                "addresses": addresses(pod),
                "workers": graph.workers(position),
                "when": pod.when.as_ref().map(|when| &when.written),
                "floating": pod.floating,
                "external": pod.is_remote(),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "pods": pods }))
}
