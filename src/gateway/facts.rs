//! What the gateway tells of the flow: names, classes, the order of the routes, the endpoints.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::Endpoints;

use crate::runtime::{Flow, PodVisit};
use crate::topology::{PodPlan, Topology};

use super::exchange::Route;

/// What does not change while a flow runs.
#[derive(Debug)]
pub(super) struct Facts {
    /// The flow's name.
    pub(super) name: String,
    /// The executors in the order of Jina's routes: depth first from the entrance.
    executors: Vec<Executor>,
    /// The pods in the order of the topology.
    pub(super) pods: Vec<PodFacts>,
    /// The endpoints that executors name.
    pub(super) endpoints: BTreeSet<String>,
    /// Whether an executor handles every endpoint.
    pub(super) any_endpoint: bool,
}

/// A pod as it was planned.
#[derive(Debug)]
pub(super) struct PodFacts {
    pub(super) name: String,
    /// The class that it runs.
    pub(super) uses: String,
    /// The pods that it waits for; `gateway` where requests come in.
    pub(super) needs: Vec<String>,
    pub(super) replicas: usize,
    pub(super) shards: usize,
}

#[derive(Debug)]
struct Executor {
    name: Arc<str>,
    class: String,
    /// The positions of its pods: itself, and what stands before and behind it.
    pods: Vec<usize>,
}

/// What Jina's gateway calls itself in routes.
const GATEWAY: &str = "gateway";

impl Facts {
    /// The facts of a flow that runs.
    pub(super) fn new(topology: &Topology, flow: &Flow) -> Self {
        let mut executors: Vec<Executor> = Vec::new();
        for position in depth_first(topology) {
            let Some(pod) = topology.pods.get(position) else { continue };
            let (name, class) = (executor_name(&pod.name), class(pod));
            match executors.iter_mut().find(|executor| &*executor.name == name) {
                Some(executor) => {
                    executor.pods.push(position);
                    if name == pod.name {
                        executor.class = class;
                    }
                }
                None => executors.push(Executor { name: name.into(), class, pods: vec![position] }),
            }
        }
        let handled = flow.endpoints();
        let named = handled.iter().flat_map(|endpoints| match endpoints {
            Endpoints::All => Vec::new(),
            Endpoints::Only(names) => names.clone(),
        });
        Self {
            name: topology.name.clone(),
            executors,
            pods: pods(topology),
            endpoints: named.collect(),
            any_endpoint: handled.contains(&Endpoints::All),
        }
    }

    /// Whether an executor has anything to do with requests to an endpoint.
    pub(super) fn handles(&self, endpoint: &str) -> bool {
        self.any_endpoint || self.endpoints.contains(endpoint)
    }

    /// The class of the executor in which something failed.
    pub(super) fn class_of(&self, pod: &str) -> &str {
        let name = executor_name(pod);
        self.executors.iter().find(|executor| &*executor.name == name).map_or("", |executor| &executor.class)
    }

    /// Where a request went, the gateway first; `failed` is the pod in which it failed, if it did.
    pub(super) fn routes(&self, gateway: Route, visits: &[PodVisit], failed: Option<&str>) -> Vec<Route> {
        let by_pod: HashMap<usize, &PodVisit> = visits.iter().map(|visit| (visit.pod, visit)).collect();
        let failed = failed.map(executor_name);
        let stay = |executor: &Executor| {
            let visits: Vec<&PodVisit> =
                executor.pods.iter().filter_map(|pod| by_pod.get(pod).copied()).collect();
            Some(Route {
                executor: Arc::clone(&executor.name),
                start: visits.iter().map(|visit| visit.start).min()?,
                end: visits.iter().filter_map(|visit| visit.end).max(),
                failed: failed == Some(&*executor.name),
            })
        };
        std::iter::once(gateway).chain(self.executors.iter().filter_map(stay)).collect()
    }

    /// The gateway's own stay.
    pub(super) fn gateway(start: std::time::SystemTime, failed: bool) -> Route {
        // `clip_client.profile()` divides by the whole milliseconds between the two.
        let end = std::time::SystemTime::now().max(start + Duration::from_millis(1));
        Route { executor: GATEWAY.into(), start, end: Some(end), failed }
    }
}

/// The pods, each with what it waits for.
fn pods(topology: &Topology) -> Vec<PodFacts> {
    let needs = |position: usize| {
        let leads =
            |ports: &[crate::topology::InputPort]| ports.iter().any(|port| port.pod == Some(position));
        let entrance = leads(&topology.entry_ports).then(|| GATEWAY.to_owned());
        let before = topology.pods.iter().filter(|pod| leads(&pod.outputs)).map(|pod| pod.name.clone());
        entrance.into_iter().chain(before).collect()
    };
    let pods = topology.pods.iter().enumerate().map(|(position, pod)| PodFacts {
        name: pod.name.clone(),
        uses: class(pod),
        needs: needs(position),
        replicas: pod.replicas,
        shards: pod.shards,
    });
    pods.collect()
}

/// The executor's name in that of its pod: what stands before and behind it is a pod of its own, `NAME/before`.
fn executor_name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(name, _)| name)
}

/// The class that a pod's main component is of.
fn class(pod: &PodPlan) -> String {
    let component = pod.executor.as_ref().and_then(|plan| plan.components.last());
    component.map_or_else(String::new, |component| component.class.clone())
}

/// The positions of the pods, each once, going as deep as possible before aside.
fn depth_first(topology: &Topology) -> Vec<usize> {
    let positions = |ports: &[crate::topology::InputPort]| -> Vec<usize> {
        ports.iter().rev().filter_map(|port| port.pod).collect()
    };
    let mut ahead = positions(&topology.entry_ports);
    let mut order = Vec::new();
    while let Some(position) = ahead.pop() {
        if !order.contains(&position) {
            order.push(position);
            ahead.extend(topology.pods.get(position).map(|pod| positions(&pod.outputs)).unwrap_or_default());
        }
    }
    order
}
