//! Topologies as plain data: equality, serialisation, differences, and descriptions of executors that are not started.

use std::path::Path;

use flowrun::topology::{Topology, TopologyDiff};
use flowrun::yaml::Environment;
use flowrun_sdk::{Build, Context, Endpoints, ExecutorType, Fact, Value};
use serde_json::json;

use crate::support::models::{minilm, models};
use crate::support::{catalog, plan, start};

/// A flow with a join, a condition, shards, batching and pods before and after an executor.
const FLOW: &str = "jtype: Flow\nwith: {prefetch: 7, timeout: 900, port: 8080, input: ['*.txt'], output: out.jsonl}\nexecutors:\n\
    - {name: a, uses: TextHashingEncoder, uses_with: {dimension: 64}, replicas: 2}\n\
    - {name: b, uses: VectorIndexer, shards: 3, strategy: {time: {tag: t, span: 60}, group: g}, polling: {/x: ALL}}\n\
    - {name: c, uses: Pass, needs: a, when: {tags__n: {$gt: 3}}, uses_before: Log, timeout_ready: 50}\n\
    - {name: d, uses: Pass, needs: [b, c], uses_dynamic_batching: {/index: {preferred_batch_size: 4, timeout: 9}}}\n";

/// Plans a flow whose file is always at the same path.
fn planned(directory: &Path, yaml: &str) -> Topology {
    plan(yaml, directory, &Environment::default())
}

#[test]
fn a_topology_equals_itself_after_serialization() {
    let directory = tempfile::tempdir().unwrap();
    let topology = planned(directory.path(), FLOW);
    let json = serde_json::to_string(&topology).unwrap();
    let restored: Topology = serde_json::from_str(&json).unwrap();
    assert_eq!(restored, topology);
    assert_eq!(serde_json::to_string(&restored).unwrap(), json);
    assert_eq!(Topology::diff(&topology, &restored), TopologyDiff::default());
}

#[test]
fn the_same_file_gives_equal_topologies_whatever_its_formatting() {
    let directory = tempfile::tempdir().unwrap();
    let topology = planned(directory.path(), FLOW);
    assert_eq!(planned(directory.path(), FLOW), topology);
    assert_eq!(planned(directory.path(), &FLOW.replace("name: ", "name:   ")), topology);
}

#[test]
fn a_changed_replica_count_gives_another_topology() {
    let directory = tempfile::tempdir().unwrap();
    let topology = planned(directory.path(), FLOW);
    let other = planned(directory.path(), &FLOW.replace("replicas: 2", "replicas: 3"));
    assert_ne!(other, topology);
    let diff = Topology::diff(&topology, &other);
    assert!(diff.changed.contains(&"a".to_owned()) && !diff.is_empty(), "{diff:?}");
    assert!(diff.added.is_empty() && diff.removed.is_empty() && !diff.settings_changed, "{diff:?}");
}

#[test]
fn a_diff_lists_added_removed_and_changed_pods() {
    let directory = tempfile::tempdir().unwrap();
    let flow = |executors: &str| {
        // One core, so that every worker has one thread whatever the number of workers.
        let mut topology = planned(
            directory.path(),
            &format!("jtype: Flow\nwith: {{prefetch: 5}}\nexecutors:\n{executors}"),
        );
        topology.pods.iter_mut().for_each(|pod| pod.threads = 1);
        topology
    };
    let old = flow(
        "- {name: a, uses: Pass}\n- {name: b, uses: Pass}\n- {name: c, uses: Log}\n- {name: d, uses: Pass}\n",
    );
    // `x` moves all positions by one; `d` is the same, and `c` and `x` are not connected to the same pods.
    let new = flow(
        "- {name: x, uses: Pass}\n- {name: a, uses: Pass}\n- {name: c, uses: Clear}\n- {name: d, uses: Pass}\n",
    );
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = TopologyDiff {
        added: names(&["x"]),
        removed: names(&["b"]),
        changed: names(&["a", "c"]),
        settings_changed: true,
    };
    assert_eq!(Topology::diff(&old, &new), expected);
    assert!(Topology::diff(&old, &old).is_empty());
}

/// Parameters with which an executor can be built in a test; `None` when that needs files that are not there.
fn sample_parameters(executor: &ExecutorType) -> Option<Value> {
    Some(match executor.name {
        "AnnLiteIndexer" => json!({"n_dim": 6, "match_args": {"limit": 3}}),
        "VectorIndexer" => json!({"dimension": 5, "limit": 4}),
        "TextHashingEncoder" | "ImageDescriptorEncoder" => json!({"dimension": 32}),
        "ExcludeFields" | "SelectFields" => json!({"fields": ["text"]}),
        "GroupMatches" => json!({"tag": "group"}),
        "ImageResizer" | "CenterImageCropper" | "RandomImageCropper" | "FiveImageCropper" => {
            json!({"target_size": 8})
        }
        "ImageCropper" => json!({"top": 0, "left": 0, "height": 8, "width": 8}),
        "SlidingWindowImageCropper" => json!({"target_size": 8, "strides": [4, 4]}),
        "FaissIndexer" => json!({"index_key": "Flat"}),
        "SimpleAggregateRanker" => json!({"aggregate_function": "min"}),
        "RemoteExecutor" => json!({"addresses": ["grpc://127.0.0.1:1"]}),
        "IsolatedExecutor" => json!({"executor": "Pass"}),
        "OnnxImageEncoder" => {
            json!({"model_path": models()?.join("small.onnx"), "output": "features"})
        }
        "CLIPEncoder" | "KerasImageEncoder" | "ImageTorchEncoder" => json!({"stand_in": true}),
        "OnnxTextEncoder" => json!({"model_path": minilm()?.join("model.onnx")}),
        // The endpoints of a Python class are known only once its child process has started.
        "PythonExecutor" => return None,
        _ => json!({}),
    })
}

#[tokio::test]
async fn descriptions_of_built_in_executors_equal_their_instances() {
    let compare = || {
        let catalog = catalog();
        let built_in: Vec<&str> =
            flowrun::catalog::built_in().types().map(|executor| executor.name).collect();
        let mut compared = 0;
        for executor in catalog.types().filter(|executor| built_in.contains(&executor.name)) {
            let Some(parameters) = sample_parameters(executor) else { continue };
            let with = parameters.as_object().unwrap().clone();
            assert_eq!(executor.check(&with), [], "{}", executor.name);
            let directory = tempfile::tempdir().unwrap();
            let build = Build { with, context: Context::standalone(directory.path()) };
            let description = executor.describe(&build);
            assert!(description.shard_summary != Fact::Unknown, "{} has no description", executor.name);
            let instance =
                executor.create(&build).unwrap_or_else(|error| panic!("{}: {error}", executor.name));
            assert_eq!(description.differences(&instance), [""; 0], "{}", executor.name);
            assert_eq!(description.stores_documents, executor.stores, "{}", executor.name);
            compared += 1;
        }
        assert!(compared > 40, "only {compared} executors were compared");
    };
    tokio::task::spawn_blocking(compare).await.unwrap();
}

#[test]
fn facts_are_known_without_starting_an_executor() {
    let directory = tempfile::tempdir().unwrap();
    let topology = planned(directory.path(), FLOW);
    let description = |pod: &str| &topology.pod(pod).unwrap().description;
    assert_eq!(description("a").output_dimension, Fact::Known(Some(64)));
    assert!(description("b").endpoints.known().unwrap().handles("/search"));
    assert_eq!(
        (description("b").shard_summary, description("b").stores_documents),
        (Fact::Known(true), true)
    );
    assert!(description("b").write_endpoints.known().unwrap().contains(&"/index".to_owned()));
    assert_eq!(description("b").input_dimension, Fact::Unknown, "it is that of the stored vectors");
    assert!(!directory.path().join("workspace").exists(), "nothing is created");
}

#[tokio::test]
async fn an_isolated_executor_has_the_endpoints_of_the_executor_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors: [{name: i, uses: VectorIndexer, isolate: process}]\n";
    let topology = planned(directory.path(), yaml);
    let description = topology.pods[0].description.clone();
    assert_eq!(description.shard_summary, Fact::Known(false));
    let flow = start(&topology).await;
    assert_eq!(Some(&flow.endpoints()[0]), description.endpoints.known());
    assert!(flow.endpoints()[0] != Endpoints::All);
}

#[tokio::test]
async fn a_topology_that_was_serialized_can_be_launched() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors: [{name: e, uses: TextHashingEncoder}]\n";
    let json = serde_json::to_string(&planned(directory.path(), yaml)).unwrap();
    let flow = start(&serde_json::from_str(&json).unwrap()).await;
    assert_eq!(flow.endpoints(), [Endpoints::All]);
}
