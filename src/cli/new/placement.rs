//! `flowrun new placement`: a first placement of a flow, with every pod that can run on workers on this machine.

use std::fmt::Write as _;
use std::path::Path;

use flowrun_sdk::Catalog;

use crate::cli::flow_file::FlowFile;
use crate::diagnostic::{Report, Span, Spanned};
use crate::spec::{PlacedPod, PlacementSpec};
use crate::topology::{PodPlan, Topology, check_placement};

/// Port of the first worker. The next ones follow.
const FIRST_PORT: u16 = 7001;

/// A placement file, and the commands that start its processes.
pub(super) struct NewPlacement {
    pub(super) yaml: String,
    pub(super) commands: String,
}

/// The placement of the flow in `file`, which was read from `flow`, to be saved as `path`.
pub(super) fn placement(file: &FlowFile, topology: &Topology, flow: &Path, path: &Path) -> NewPlacement {
    let (flow, path) = (flow.display(), path.display());
    let mut yaml = format!(
        "# Workers of {flow}: one address (HOST:PORT) per replica, and for a pod with shards a list per shard.\n\
         # Pods that are not listed run in the gateway.\n"
    );
    let mut commands = String::new();
    let mut port = FIRST_PORT;
    let (mut entries, mut obstacles) = (String::new(), String::new());
    for (position, pod) in topology.pods.iter().enumerate().filter(|(_, pod)| !pod.name.contains('/')) {
        let Some(span) = topology.spans.pod(position).map(|spans| spans.executor) else { continue };
        let placed = placed_pod(pod, port, span);
        if let Some(reason) = obstacle(&placed, topology, &file.catalog) {
            let _ = writeln!(obstacles, "# {reason}");
            continue;
        }
        let _ = writeln!(entries, "  {}: {}", pod.name, addresses(pod, &placed));
        for (shard, replicas) in placed.shards.iter().enumerate() {
            for replica in 0..replicas.len() {
                let _ = write!(commands, "  flowrun worker {flow} --placement {path} --pod {}", pod.name);
                for (option, number, count) in
                    [("shard", shard, placed.shards.len()), ("replica", replica, replicas.len())]
                {
                    if count > 1 {
                        let _ = write!(commands, " --{option} {number}");
                    }
                }
                commands.push('\n');
                port = port.saturating_add(1);
            }
        }
    }
    match entries.is_empty() {
        true => yaml.push_str("pods: {}\n"),
        false => yaml.push_str(&format!("pods:\n{entries}")),
    }
    yaml.push_str(&obstacles);
    let _ = writeln!(commands, "  flowrun serve {flow} --placement {path}");
    NewPlacement { yaml, commands }
}

/// The pod with an address on this machine for each worker.
fn placed_pod(pod: &PodPlan, first_port: u16, span: Span) -> PlacedPod {
    let mut ports = (first_port..).map(|port| Spanned::new(format!("127.0.0.1:{port}"), span));
    let shards = (0..pod.shards).map(|_| ports.by_ref().take(pod.replicas).collect()).collect();
    PlacedPod { name: Spanned::new(pod.name.clone(), span), span, shards, lists_shards: pod.shards > 1 }
}

/// The reason why the pod cannot run on workers.
fn obstacle(placed: &PlacedPod, topology: &Topology, catalog: &Catalog) -> Option<String> {
    let mut report = Report::default();
    let spec = PlacementSpec { pods: vec![placed.clone()], ..PlacementSpec::default() };
    check_placement(&spec, topology, catalog, &mut report);
    report.sorted().first().map(|diagnostic| diagnostic.message.clone())
}

fn addresses(pod: &PodPlan, placed: &PlacedPod) -> String {
    let list = |replicas: &Vec<Spanned<String>>| {
        let quoted = replicas.iter().map(|address| format!("'{}'", address.value));
        format!("[{}]", quoted.collect::<Vec<_>>().join(", "))
    };
    let shards: Vec<String> = placed.shards.iter().map(list).collect();
    if pod.shards > 1 { format!("[{}]", shards.join(", ")) } else { shards.concat() }
}
