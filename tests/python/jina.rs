//! Jina's own executors, unmodified, with the real jina and docarray of both schemas. `make clients` installs them.

use std::path::PathBuf;
use std::time::Duration;

use flowrun::runtime::Flow;
use flowrun_sdk::Tensor;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fails, result, said, sees_origins, send, started, texts};
use crate::clients::environment;
use crate::support::{ids, reply};

/// A flow of a pod `e` of a class in the file of that schema; none where its environment is not there.
async fn flow(schema: &str, class: &str, more: &str) -> Option<(TempDir, Flow)> {
    Some(started(&pod(schema, class, more)?).await)
}

fn pod(schema: &str, class: &str, more: &str) -> Option<String> {
    let python: PathBuf = environment(schema)?;
    Some(format!(
        "- {{name: e, uses: {class}, py_modules: ['@/jina_{schema}.py'], python: '{}'{more}}}",
        python.display()
    ))
}

fn embedding(documents: &[flowrun_sdk::Document], at: usize) -> Tensor {
    documents[at].embedding.clone().unwrap()
}

#[tokio::test]
async fn executors_of_both_schemas_handle_the_endpoints_that_they_name() {
    for schema in ["v1", "v2"] {
        let Some((_directory, flow)) = flow(schema, "Encoder", ", uses_with: {dim: 4}").await else { return };
        let answer = reply(send(&flow, "/index", texts(&["a", "two words"]), &json!({"factor": 2})).await);
        assert_eq!(ids(&answer.documents), ["a", "two words"], "{schema}");
        assert_eq!(said(&answer.documents), ["a", "two words"]);
        assert_eq!(embedding(&answer.documents, 1), Tensor::vector(vec![18.0; 4]));
        let other = reply(send(&flow, "/unheard", texts(&["a"]), &Value::Null).await);
        assert_eq!((ids(&other.documents), flow.pod_statistics()[0].calls), (vec!["a"], 1));
        match schema {
            // Parameters are as Jina gives them: numbers are floats.
            "v1" => assert_eq!(answer.documents[0].tags["float"], "float"),
            // What a document of ours has no field for is a tag.
            _ => assert_eq!(answer.documents[1].tags["sizes"], json!([3, 5])),
        }
    }
}

#[tokio::test]
async fn a_default_handler_handles_everything() {
    for (schema, class) in [("v1", "Everything"), ("v2", "Untyped")] {
        let Some((_directory, flow)) = flow(schema, class, "").await else { return };
        for endpoint in ["/index", "/whatever"] {
            let answer = reply(send(&flow, endpoint, texts(&["a", "b"]), &Value::Null).await);
            assert_eq!((said(&answer.documents), ids(&answer.documents)), (vec!["a!", "b!"], vec!["a", "b"]));
        }
    }
}

#[tokio::test]
async fn what_a_method_returns_takes_the_place_of_the_documents() {
    let Some((_directory, one)) = flow("v1", "Encoder", "").await else { return };
    let half = reply(send(&one, "/half", texts(&["a", "b", "c"]), &Value::Null).await);
    assert_eq!(ids(&half.documents), ["a"]);
    let new = reply(send(&one, "/new", texts(&[]), &Value::Null).await);
    assert_eq!(said(&new.documents), ["new"]);
    let split = reply(send(&one, "/split", texts(&["two words"]), &Value::Null).await);
    let document = &split.documents[0];
    assert_eq!((said(&document.chunks), document.chunks[0].granularity), (vec!["two", "words"], 1));
    assert_eq!(document.scores["length"].value, 9.0);
    let wrong = fails(&one, "/wrong").await.to_string();
    assert!(wrong.starts_with("TypeError(\"The return type must be DocList / Dict / `None`"), "{wrong}");
    let Some((_directory, two)) = flow("v2", "Encoder", "").await else { return };
    let same = reply(send(&two, "/same", texts(&["a"]), &Value::Null).await);
    assert_eq!((said(&same.documents), &same.documents[0].tags["seen"]), (vec!["A"], &Value::Bool(true)));
    assert_eq!(
        said(&reply(send(&two, "/one", texts(&["a", "b"]), &Value::Null).await).documents),
        ["aa", "bb"]
    );
}

#[tokio::test]
async fn documents_that_a_join_lists_side_by_side_are_known_by_where_they_are_from() {
    for schema in ["v1", "v2"] {
        let Some(pod) = pod(schema, "Encoder", "") else { return };
        sees_origins(&pod).await;
    }
}

#[tokio::test]
async fn dictionaries_are_results_and_tell_where_an_executor_stands() {
    let more = ", uses_metas: {name: mine}, shards: 2, replicas: 2, polling: ALL";
    let Some((directory, flow)) = flow("v1", "Encoder", more).await else { return };
    let answer = reply(send(&flow, "/info", texts(&["a"]), &Value::Null).await);
    let workspace = directory.path().canonicalize().unwrap().join("workspace");
    for shard in 0..2 {
        let key =
            answer.results.keys().find(|key| key.starts_with(&format!("e/shard-{shard}/rep-"))).unwrap();
        let told = &answer.results[key];
        let replica = key.rsplit('-').next().unwrap();
        assert_eq!((&told["name"], &told["matrix"]), (&json!("mine"), &json!([1])));
        assert_eq!(told["workspace"].as_str(), workspace.join("mine").join(shard.to_string()).to_str());
        let runtime = json!({"name": format!("e/rep-{replica}"), "shard_id": shard, "shards": 2, "replicas": 2,
            "workspace": workspace});
        assert_eq!(told["runtime"], runtime);
    }
}

#[tokio::test]
async fn an_exception_is_told_as_jina_tells_it() {
    for schema in ["v1", "v2"] {
        let Some((_directory, flow)) = flow(schema, "Encoder", "").await else { return };
        let failed = fails(&flow, "/raise").await;
        assert_eq!(failed.to_string(), "ValueError('boom', 42) (in `e`)");
        let exception = failed.error.exception().unwrap();
        assert_eq!((exception.name.as_str(), exception.executor.as_str()), ("ValueError", "Encoder"));
        assert_eq!(exception.args, ["boom", "42"]);
        let stacks = exception.stacks.concat();
        assert!(
            stacks.contains("raise ValueError('boom', 42)") && stacks.contains(&format!("jina_{schema}.py"))
        );
    }
}

#[tokio::test]
async fn the_flow_says_which_method_an_endpoint_calls() {
    let Some((_directory, flow)) = flow("v1", "Encoder", ", uses_requests: {/mine: unbound}").await else {
        return;
    };
    let mine = reply(send(&flow, "/mine", texts(&["a"]), &Value::Null).await);
    assert_eq!(said(&mine.documents), ["unbound"]);
}

#[tokio::test]
async fn methods_that_wait_do_so_together_and_the_others_take_turns() {
    let Some((_directory, flow)) = flow("v1", "Waits", "").await else { return };
    let all = json!({"all": 6});
    let met = (0..6).map(|_| send(&flow, "/meet", texts(&["a"]), &all));
    for outcome in futures_util::future::join_all(met).await {
        assert_eq!(ids(&reply(outcome).documents), ["a"]);
    }
    assert_eq!(result(&flow, "/plain", &Value::Null).await, json!({"documents": 1}));
}

#[tokio::test]
async fn an_executor_of_jinas_is_closed_when_the_flow_ends() {
    let Some((directory, flow)) = flow("v1", "Encoder", "").await else { return };
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    assert!(directory.path().join("workspace/Encoder/0/closed").exists());
}
