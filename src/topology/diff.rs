//! Compares topologies pod by pod.

use super::{InputPort, PodPlan, Topology};

/// Names of the pods that differ between two topologies, in the order of the topologies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyDiff {
    /// Pods of the new topology only.
    pub added: Vec<String>,
    /// Pods of the old topology only.
    pub removed: Vec<String>,
    /// Pods of both topologies with another plan: executor, parameters, number of workers, edges or limits. More workers in
    /// one pod may change the thread budget, and so the plan, of every other pod.
    pub changed: Vec<String>,
    /// Set when anything outside the pods differs: name, entrance, exit, credits, timeout, hang policy, memory bound, job or
    /// gateway.
    pub settings_changed: bool,
}

impl TopologyDiff {
    /// Returns `true` when the topologies are equal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Topology {
    /// Compares two topologies. Pods are identified by their names.
    pub fn diff(old: &Self, new: &Self) -> TopologyDiff {
        let missing_in = |other: &Self, pod: &&PodPlan| other.pod(&pod.name).is_none();
        let name = |pod: &PodPlan| pod.name.clone();
        let changed =
            |pod: &&PodPlan| new.pod(&pod.name).is_some_and(|other| !old.has_same_plan(pod, new, other));
        TopologyDiff {
            added: new.pods.iter().filter(|pod| missing_in(old, pod)).map(name).collect(),
            removed: old.pods.iter().filter(|pod| missing_in(new, pod)).map(name).collect(),
            changed: old.pods.iter().filter(changed).map(name).collect(),
            settings_changed: !old.has_same_settings(new),
        }
    }

    /// The pod of this name.
    pub fn pod(&self, name: &str) -> Option<&PodPlan> {
        self.pods.iter().find(|pod| pod.name == name)
    }

    /// Compares two pods; edges are equal when they lead to the same inputs of pods of the same name.
    fn has_same_plan(&self, pod: &PodPlan, other: &Self, other_pod: &PodPlan) -> bool {
        let without_edges = |pod: &PodPlan| PodPlan { outputs: Vec::new(), ..pod.clone() };
        without_edges(pod) == without_edges(other_pod)
            && self.named_ports(&pod.outputs) == other.named_ports(&other_pod.outputs)
    }

    /// Ports with the pod's name instead of its position; `None` for the exit.
    fn named_ports(&self, ports: &[InputPort]) -> Vec<(Option<&str>, usize)> {
        let name = |position: usize| self.pods.get(position).map(|pod| pod.name.as_str());
        ports.iter().map(|port| (port.pod.and_then(name), port.input)).collect()
    }

    fn has_same_settings(&self, other: &Self) -> bool {
        // Without `..`, so that a new field does not compile before it is compared.
        let Self {
            name,
            entry_ports,
            exit_inputs,
            credits,
            when_full,
            timeout,
            exit_on_hang,
            memory,
            job,
            gateway,
            pods: _,
            spans: _,
        } = self;
        *name == other.name
            && self.named_ports(entry_ports) == other.named_ports(&other.entry_ports)
            && *exit_inputs == other.exit_inputs
            && *credits == other.credits
            && *when_full == other.when_full
            && *timeout == other.timeout
            && *exit_on_hang == other.exit_on_hang
            && *memory == other.memory
            && *job == other.job
            && *gateway == other.gateway
    }
}
