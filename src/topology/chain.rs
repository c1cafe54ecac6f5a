//! Chains: consecutive pods that share workers. A placement names a chain by its pods, joined by `+`. A gateway calls it like
//! one pod, and a worker runs all of its pods.

use flowrun_sdk::{Endpoints, ExecutorDescription, Fact};

use super::describe::in_sequence;
use super::{InputPort, PodPlan, Topology};
use crate::spec::BatchingTable;

/// Joins the names of a chain's pods. Names of pods do not contain it.
const SEPARATOR: char = '+';

/// Names of the pods of a chain; the name itself if it is that of one pod.
pub(crate) fn chain_members(name: &str) -> impl Iterator<Item = &str> {
    name.split(SEPARATOR)
}

/// True for the name of a chain.
pub(crate) fn is_chain(name: &str) -> bool {
    name.contains(SEPARATOR)
}

impl Topology {
    /// Positions of the pods of a chain, or of one pod; `None` unless all exist.
    pub(super) fn chain_positions(&self, name: &str) -> Option<Vec<usize>> {
        chain_members(name).map(|member| self.pods.iter().position(|pod| pod.name == member)).collect()
    }

    /// Replaces the pods of a chain by one. The pods must follow each other, without other edges between them.
    pub(super) fn join_chain(&mut self, name: &str) {
        let Some(positions) = self.chain_positions(name).filter(|positions| positions.len() > 1) else {
            return;
        };
        let members: Vec<PodPlan> =
            positions.iter().filter_map(|position| self.pods.get(*position)).cloned().collect();
        let Some(first) = positions.first() else { return };
        let kept: Vec<usize> = (0..self.pods.len())
            .filter(|position| position == first || !positions.contains(position))
            .collect();
        let moved = |port: &InputPort| InputPort {
            pod: port.pod.and_then(|pod| kept.iter().position(|kept| *kept == pod)),
            input: port.input,
        };
        let pod = |position: &usize| {
            let pod =
                if position == first { joined(name, &members) } else { self.pods.get(*position).cloned() }?;
            Some(PodPlan { outputs: pod.outputs.iter().map(moved).collect(), ..pod })
        };
        let pods = kept.iter().filter_map(pod).collect();
        self.entry_ports = self.entry_ports.iter().map(moved).collect();
        self.spans.pods = kept.iter().filter_map(|position| self.spans.pod(*position)).cloned().collect();
        self.pods = pods;
    }
}

/// The pod as which a gateway calls a chain. Batches are formed by the workers.
fn joined(name: &str, members: &[PodPlan]) -> Option<PodPlan> {
    let (first, last) = (members.first()?, members.last()?);
    Some(PodPlan {
        name: name.to_owned(),
        outputs: last.outputs.clone(),
        batching: BatchingTable::default(),
        description: description(members),
        ..first.clone()
    })
}

fn description(members: &[PodPlan]) -> ExecutorDescription {
    let descriptions = || members.iter().map(|member| &member.description);
    let endpoints =
        descriptions().map(|description| description.endpoints.known()).collect::<Option<Vec<_>>>();
    let writes = descriptions()
        .map(|description| description.write_endpoints.known().cloned())
        .collect::<Option<Vec<_>>>();
    in_sequence(
        descriptions().cloned().collect(),
        endpoints.map_or(Fact::Unknown, |endpoints| Fact::Known(all_of(&endpoints))),
        writes.map_or(Fact::Unknown, |writes| Fact::Known(writes.concat())),
    )
}

/// The endpoints that at least one of several executors handles.
fn all_of(endpoints: &[&Endpoints]) -> Endpoints {
    let mut names: Vec<String> = Vec::new();
    for endpoints in endpoints {
        match endpoints {
            Endpoints::All => return Endpoints::All,
            Endpoints::Only(handled) => names.extend(handled.iter().cloned()),
        }
    }
    names.sort_unstable();
    names.dedup();
    Endpoints::Only(names)
}
