//! The fingerprint of a flow: equal on all machines that run its parts, and different for another flow.

use std::path::Path;

use flowrun::topology::Topology;
use flowrun::yaml::Environment;

use crate::support::{plan, scratch};

fn planned(directory: &Path, flow: &str) -> Topology {
    plan(&format!("jtype: Flow\n{flow}"), directory, &Environment::default())
}

#[test]
fn the_same_flow_has_one_fingerprint_in_every_directory_and_on_every_machine() {
    let (one, other) = (scratch(), scratch());
    let flow = "with: {workspace: w}\nexecutors: [{name: a, uses: VectorIndexer}, {name: b, uses: Pass}]\n";
    let topology = planned(one.path(), flow);
    let mut elsewhere = planned(other.path(), flow);
    assert_ne!(topology, elsewhere);
    elsewhere.memory.gateway_bytes_max /= 2;
    elsewhere.pods.iter_mut().for_each(|pod| pod.threads += 7);
    assert_eq!(topology.fingerprint(), elsewhere.fingerprint());
    let served = format!("gateway: {{port: 8000}}\n{flow}");
    assert_eq!(topology.fingerprint(), planned(one.path(), &served).fingerprint());
}

#[test]
fn a_flow_with_another_executor_parameter_edge_or_limit_has_another_fingerprint() {
    let directory = scratch();
    let fingerprint = |executors: &str| planned(directory.path(), executors).fingerprint();
    let flow = "executors: [{name: a, uses: VectorIndexer, shards: 2}, {name: b, uses: Pass}]\n";
    for (text, replacement) in [
        ("Pass", "TextHashingEncoder"),
        ("shards: 2", "shards: 2, uses_with: {metric: euclidean}"),
        ("shards: 2", "shards: 3"),
        ("shards: 2", "shards: 2, polling: ALL"),
        ("uses: Pass", "uses: Pass, needs: gateway"),
        ("uses: Pass", "uses: Pass, timeout_send: 5"),
        ("name: b", "name: c"),
    ] {
        let changed = flow.replace(text, replacement);
        assert_ne!(fingerprint(flow), fingerprint(&changed), "{changed}");
    }
}
