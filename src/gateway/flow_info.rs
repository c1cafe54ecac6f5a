//! Facts about the running flow that do not change: names, classes and order of executors, endpoints and their effects.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use flowrun_sdk::{ContentKind, EndpointHelp, Endpoints, Fact, ModelState, Order};

use super::request::RouteEntry;
use super::service::DRY_RUN;
use crate::routes::{Role, is_writing, role_by_name};
use crate::runtime::{Flow, PodVisit};
use crate::topology::{InputPort, PodPlan, Topology, executor_name};

/// Facts about a flow, collected when it starts.
#[derive(Debug)]
pub(super) struct FlowInfo {
    /// Name of the flow.
    pub(super) name: String,
    /// Executors in the order of Jina's routes: depth first from the gateway.
    executors: Vec<ExecutorInfo>,
    /// Pods in the order of the topology.
    pub(super) pods: Vec<PodInfo>,
    /// Endpoints that executors handle by name.
    pub(super) endpoints: BTreeSet<String>,
    /// True if an executor handles every endpoint.
    pub(super) any_endpoint: bool,
    /// Kind of content that a document must have, because every pod that requests enter first needs it; `None` if there
    /// is no single kind.
    pub(super) needed_content: Option<ContentKind>,
    /// Order of the scores of matches, if an executor returns some.
    pub(super) order: Option<Order>,
    /// Documentation of endpoints.
    help: Vec<EndpointHelp>,
    /// Effects of the executor of each pod.
    effects: Vec<PodEffects>,
}

/// Endpoints at which the executor of a pod changes stored data.
#[derive(Debug)]
struct PodEffects {
    handled: Endpoints,
    writes: Fact<Vec<String>>,
}

/// A planned pod.
#[derive(Debug)]
pub(super) struct PodInfo {
    pub(super) name: String,
    /// Class of its executor.
    pub(super) uses: String,
    /// Pods whose output it waits for; `gateway` for a pod that receives requests.
    pub(super) needs: Vec<String>,
    pub(super) replicas: usize,
    pub(super) shards: usize,
    /// True if it encodes without a model, by built-in features.
    pub(super) stand_in: bool,
}

#[derive(Debug)]
struct ExecutorInfo {
    name: Arc<str>,
    class: String,
    /// Positions of its pods in the topology: itself, and its `uses_before` and `uses_after`.
    pods: Vec<usize>,
}

/// Name of Jina's gateway in routes.
const GATEWAY: &str = "gateway";

impl FlowInfo {
    /// Collects the facts of `flow`, which runs `topology`.
    pub(super) fn new(topology: &Topology, flow: &Flow) -> Self {
        let handled = flow.endpoints();
        let named = handled.iter().flat_map(|endpoints| match endpoints {
            Endpoints::All => Vec::new(),
            Endpoints::Only(names) => names.clone(),
        });
        Self {
            name: topology.name.clone(),
            executors: executors(topology),
            pods: pods(topology),
            endpoints: named.collect(),
            any_endpoint: handled.contains(&Endpoints::All),
            needed_content: needed_content(topology),
            order: order(topology),
            help: topology.pods.iter().flat_map(|pod| pod.description.endpoint_help.clone()).collect(),
            effects: effects(topology, handled),
        }
    }

    /// Documentation of an endpoint, with the most parameters if several executors have one; `None` if no executor has
    /// one.
    pub(super) fn help(&self, endpoint: &str) -> Option<&EndpointHelp> {
        self.help.iter().filter(|help| help.endpoint == endpoint).max_by_key(|help| help.parameters.len())
    }

    /// Role that a request to `endpoint` needs: the higher of its conventional role ([`role_by_name`]) and, if an
    /// executor changes data there, `write`. An executor whose effects are unknown counts as changing data at endpoints
    /// without a conventional role.
    pub(super) fn needed_role(&self, endpoint: &str) -> Role {
        if endpoint == DRY_RUN {
            return Role::Read;
        }
        let by_name = role_by_name(endpoint);
        let writes = |pod: &PodEffects| match &pod.writes {
            Fact::Known(writes) => writes.iter().any(|known| known == endpoint),
            Fact::Unknown => by_name.is_none() && pod.handled.handles(endpoint),
        };
        let by_effect = if self.effects.iter().any(writes) { Role::Write } else { Role::Read };
        by_name.unwrap_or_default().max(by_effect)
    }

    /// True if requests to `endpoint` change stored data or write files, as far as its name or an executor's
    /// description show.
    pub(super) fn is_writing(&self, endpoint: &str) -> bool {
        let described = self.effects.iter().filter_map(|pod| pod.writes.known());
        is_writing(endpoint) || described.flatten().any(|known| known == endpoint)
    }

    /// True if an executor handles requests to `endpoint`.
    pub(super) fn handles(&self, endpoint: &str) -> bool {
        self.any_endpoint || self.endpoints.contains(endpoint)
    }

    /// Class of the executor that `pod` belongs to; empty for an unknown pod.
    pub(super) fn class_of(&self, pod: &str) -> &str {
        let name = executor_name(pod);
        self.executors.iter().find(|executor| &*executor.name == name).map_or("", |executor| &executor.class)
    }

    /// Routes of a request, the gateway first; `failed` is the pod where it failed, if it did.
    pub(super) fn routes(
        &self,
        gateway: RouteEntry,
        visits: &[PodVisit],
        failed: Option<&str>,
    ) -> Vec<RouteEntry> {
        let by_pod: HashMap<usize, &PodVisit> = visits.iter().map(|visit| (visit.pod, visit)).collect();
        let failed = failed.map(executor_name);
        let entry = |executor: &ExecutorInfo| {
            let visits: Vec<&PodVisit> =
                executor.pods.iter().filter_map(|pod| by_pod.get(pod).copied()).collect();
            Some(RouteEntry {
                executor: Arc::clone(&executor.name),
                start: visits.iter().map(|visit| visit.start).min()?,
                end: visits.iter().filter_map(|visit| visit.end).max(),
                failed: failed == Some(&*executor.name),
            })
        };
        std::iter::once(gateway).chain(self.executors.iter().filter_map(entry)).collect()
    }

    /// Route entry of the gateway for a request that arrived at `start` and leaves now.
    pub(super) fn gateway_route(start: std::time::SystemTime, failed: bool) -> RouteEntry {
        // `clip_client.profile()` divides by the whole milliseconds between the two.
        let end = std::time::SystemTime::now().max(start + Duration::from_millis(1));
        RouteEntry { executor: GATEWAY.into(), start, end: Some(end), failed }
    }
}

/// Order of the scores of the last pod that returns matches.
fn order(topology: &Topology) -> Option<Order> {
    let mut ranking =
        topology.pods.iter().filter_map(|pod| pod.description.ranking.known().copied().flatten());
    ranking.next_back().map(|ranking| ranking.order)
}

/// The content that every pod needs that requests enter first; `None` if their needs differ or one has a condition.
fn needed_content(topology: &Topology) -> Option<ContentKind> {
    let entered = topology.entry_ports.iter().map(|port| topology.pods.get(port.pod?));
    let mut needed = entered.map(|pod| pod.filter(|pod| pod.when.is_none())?.description.needed_content);
    let first = needed.next()??;
    needed.all(|other| other == Some(first)).then_some(first)
}

fn effects(topology: &Topology, handled: Vec<Endpoints>) -> Vec<PodEffects> {
    let writes = topology.pods.iter().map(|pod| pod.description.write_endpoints.clone());
    writes.zip(handled).map(|(writes, handled)| PodEffects { handled, writes }).collect()
}

/// Executors in depth-first order, each with its pods.
fn executors(topology: &Topology) -> Vec<ExecutorInfo> {
    let mut executors: Vec<ExecutorInfo> = Vec::new();
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
            None => executors.push(ExecutorInfo { name: name.into(), class, pods: vec![position] }),
        }
    }
    executors
}

fn pods(topology: &Topology) -> Vec<PodInfo> {
    let needs = |position: usize| {
        let feeds = |ports: &[InputPort]| ports.iter().any(|port| port.pod == Some(position));
        let gateway = feeds(&topology.entry_ports).then(|| GATEWAY.to_owned());
        let upstream = topology.pods.iter().filter(|pod| feeds(&pod.outputs)).map(|pod| pod.name.clone());
        gateway.into_iter().chain(upstream).collect()
    };
    let pods = topology.pods.iter().enumerate().map(|(position, pod)| PodInfo {
        name: pod.name.clone(),
        uses: class(pod),
        needs: needs(position),
        replicas: pod.replicas,
        shards: pod.shards,
        stand_in: pod.description.model == ModelState::StandIn,
    });
    pods.collect()
}

/// Class of a pod's main component.
fn class(pod: &PodPlan) -> String {
    let component = pod.executor.as_ref().and_then(|plan| plan.components.last());
    component.map_or_else(String::new, |component| component.class.clone())
}

/// Positions of the pods, each once, in depth-first order.
fn depth_first(topology: &Topology) -> Vec<usize> {
    let positions =
        |ports: &[InputPort]| -> Vec<usize> { ports.iter().rev().filter_map(|port| port.pod).collect() };
    let mut stack = positions(&topology.entry_ports);
    let mut order = Vec::new();
    while let Some(position) = stack.pop() {
        if !order.contains(&position) {
            order.push(position);
            stack.extend(topology.pods.get(position).map(|pod| positions(&pod.outputs)).unwrap_or_default());
        }
    }
    order
}
