//! Executors derived from Jina's `Executor`, with the jina and docarray packages of both schemas, which `make clients`
//! installs. The tests pass without them unless the environment variable FLOWRUN_CLIENTS is set.

use std::path::PathBuf;
use std::time::Duration;

use flowrun::runtime::Flow;
use flowrun_sdk::Tensor;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{assert_origins, call_result, expect_error, send, start_pods, texts, texts_of};
use crate::clients::environment;
use crate::support::program::{directory, flowrun, json_lines, text};
use crate::support::{ids, reply};

/// Launches a flow with a pod `e` of a class in `jina_SCHEMA.py`; `None` if its packages are not installed.
async fn flow(schema: &str, class: &str, more: &str) -> Option<(TempDir, Flow)> {
    Some(start_pods(&pod(schema, class, more)?).await)
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
async fn executors_of_both_schemas_handle_the_endpoints_of_their_decorators() {
    for schema in ["v1", "v2"] {
        let Some((_directory, flow)) = flow(schema, "Encoder", ", uses_with: {dim: 4}").await else { return };
        let answer = reply(send(&flow, "/index", texts(&["a", "two words"]), &json!({"factor": 2})).await);
        assert_eq!(ids(&answer.documents), ["a", "two words"], "{schema}");
        assert_eq!(texts_of(&answer.documents), ["a", "two words"]);
        assert_eq!(embedding(&answer.documents, 1), Tensor::vector(vec![18.0; 4]));
        let other = reply(send(&flow, "/unbound", texts(&["a"]), &Value::Null).await);
        assert_eq!((ids(&other.documents), flow.pod_statistics()[0].calls), (vec!["a"], 1));
        match schema {
            // As in Jina, numbers among the parameters are floats.
            "v1" => assert_eq!(answer.documents[0].tags["float"], "float"),
            // A field that flowrun's documents do not have becomes a tag.
            _ => assert_eq!(answer.documents[1].tags["sizes"], json!([3, 5])),
        }
    }
}

#[tokio::test]
async fn a_default_method_handles_all_endpoints() {
    for (schema, class) in [("v1", "Everything"), ("v2", "Untyped")] {
        let Some((_directory, flow)) = flow(schema, class, "").await else { return };
        for endpoint in ["/index", "/whatever"] {
            let answer = reply(send(&flow, endpoint, texts(&["a", "b"]), &Value::Null).await);
            assert_eq!(
                (texts_of(&answer.documents), ids(&answer.documents)),
                (vec!["a!", "b!"], vec!["a", "b"])
            );
        }
    }
}

#[tokio::test]
async fn returned_documents_replace_the_documents_of_the_call() {
    let Some((_directory, one)) = flow("v1", "Encoder", "").await else { return };
    let half = reply(send(&one, "/half", texts(&["a", "b", "c"]), &Value::Null).await);
    assert_eq!(ids(&half.documents), ["a"]);
    let new = reply(send(&one, "/new", texts(&[]), &Value::Null).await);
    assert_eq!(texts_of(&new.documents), ["new"]);
    let split = reply(send(&one, "/split", texts(&["two words"]), &Value::Null).await);
    let document = &split.documents[0];
    assert_eq!((texts_of(&document.chunks), document.chunks[0].granularity), (vec!["two", "words"], 1));
    assert_eq!(document.scores["length"].value, 9.0);
    let wrong = expect_error(&one, "/wrong").await.to_string();
    assert!(wrong.starts_with("TypeError(\"The return type must be DocList / Dict / `None`"), "{wrong}");
    let Some((_directory, two)) = flow("v2", "Encoder", "").await else { return };
    let same = reply(send(&two, "/same", texts(&["a"]), &Value::Null).await);
    assert_eq!((texts_of(&same.documents), &same.documents[0].tags["seen"]), (vec!["A"], &Value::Bool(true)));
    assert_eq!(
        texts_of(&reply(send(&two, "/one", texts(&["a", "b"]), &Value::Null).await).documents),
        ["aa", "bb"]
    );
}

#[tokio::test]
async fn generators_return_all_documents_that_they_yield() {
    let all = ["a 0", "a 1", "b 0", "b 1"];
    for schema in ["v1", "v2"] {
        for (class, endpoints) in
            [("Streaming", &["/async", "/async-plain", "/sync"][..]), ("SyncStreaming", &["/sync"])]
        {
            let Some((_directory, flow)) = flow(schema, class, "").await else { return };
            for endpoint in endpoints {
                let answer = reply(send(&flow, endpoint, texts(&["a", "b"]), &json!({"times": 2})).await);
                assert_eq!(texts_of(&answer.documents), all, "{schema} {class} {endpoint}");
            }
        }
    }
}

#[tokio::test]
async fn documents_of_a_join_without_reduce_are_grouped_by_pod() {
    for schema in ["v1", "v2"] {
        let Some(pod) = pod(schema, "Encoder", "") else { return };
        assert_origins(&pod).await;
    }
}

#[tokio::test]
async fn returned_dictionaries_are_results_and_executors_know_their_shard() {
    let more = ", uses_metas: {name: mine}, shards: 2, replicas: 2, polling: ALL";
    let Some((directory, flow)) = flow("v1", "Encoder", more).await else { return };
    let answer = reply(send(&flow, "/info", texts(&["a"]), &Value::Null).await);
    let workspace = directory.path().canonicalize().unwrap().join("workspace");
    for shard in 0..2 {
        let key =
            answer.results.keys().find(|key| key.starts_with(&format!("e/shard-{shard}/rep-"))).unwrap();
        let info = &answer.results[key];
        let replica = key.rsplit('-').next().unwrap();
        assert_eq!((&info["name"], &info["matrix"]), (&json!("mine"), &json!([1])));
        assert_eq!(info["workspace"].as_str(), workspace.join("mine").join(shard.to_string()).to_str());
        let runtime = json!({"name": format!("e/shard-{shard}/rep-{replica}"), "shard_id": shard, "shards": 2, "replicas": 2,
            "workspace": workspace});
        assert_eq!(info["runtime"], runtime);
    }
}

#[tokio::test]
async fn the_metas_of_an_executor_are_those_of_the_flow() {
    let whole = "e, uses: {jtype: Encoder, metas: {workspace: own, description: d}}";
    for (more, name, workspace, description) in [
        (", uses_metas: {workspace: own, name: mine}", "mine", true, ""),
        (", uses_metas: {workspace: own, description: d}", "Encoder", true, "d"),
        // Jina's pods have a workspace of their own.
        (", workspace: own", "Encoder", false, ""),
        ("", "Encoder", true, "d"),
    ] {
        let Some(pod) = pod("v1", "Encoder", more) else { return };
        let pod = if more.is_empty() { pod.replace("e, uses: Encoder", whole) } else { pod };
        let (directory, flow) = start_pods(&pod).await;
        let path = directory.path().canonicalize().unwrap().join("own");
        let workspace = if workspace { path.to_str().unwrap() } else { "" };
        let metas =
            json!({"name": name, "description": description, "workspace": workspace, "py_modules": ""});
        assert_eq!(call_result(&flow, "/metas", &Value::Null).await, metas, "{more}");
        let info = call_result(&flow, "/info", &Value::Null).await;
        assert_eq!(info["workspace"].as_str(), path.join(name).join("0").to_str());
    }
}

#[tokio::test]
async fn an_executor_may_be_a_dataclass() {
    let Some((_directory, flow)) = flow("v1", "Fields", ", uses_with: {word: hi, times: 2}").await else {
        return;
    };
    let answer = reply(send(&flow, "/any", texts(&["a"]), &Value::Null).await);
    assert_eq!(texts_of(&answer.documents), ["hi hi"]);
    assert_eq!(answer.results["e/rep-0"], json!({"name": "Fields", "shard": 0}));
}

#[tokio::test]
async fn evaluations_and_metadata_survive_a_join() {
    let Some(evaluator) = pod("v1", "Evaluator", ", needs: gateway") else { return };
    let Some(reader) = pod("v1", "EvaluationReader", ", needs: [plain, e]") else { return };
    let reader = reader.replace("{name: e,", "{name: reader,");
    let plain = "- {name: plain, uses: Pass, needs: gateway}";
    let (_directory, flow) = start_pods(&format!("{plain}\n{evaluator}\n{reader}")).await;
    let answer = reply(send(&flow, "/any", texts(&["a"]), &Value::Null).await);
    let document = &answer.documents[0];
    assert_eq!((&document.tags["recall"], &document.tags["titles"]), (&json!(10), &json!(["title"])));
    let fields = document.docarray.as_ref().unwrap();
    assert_eq!(
        (fields.evaluations["recall"].value, &fields.metadata["title"]),
        (10.0, &json!({"position": 0}))
    );
}

#[tokio::test]
async fn an_exception_is_reported_as_by_jina() {
    for schema in ["v1", "v2"] {
        let Some((_directory, flow)) = flow(schema, "Encoder", "").await else { return };
        let failed = expect_error(&flow, "/raise").await;
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
async fn the_flow_can_bind_an_endpoint_to_a_method() {
    let Some((_directory, flow)) = flow("v1", "Encoder", ", uses_requests: {/mine: unbound}").await else {
        return;
    };
    let mine = reply(send(&flow, "/mine", texts(&["a"]), &Value::Null).await);
    assert_eq!(texts_of(&mine.documents), ["unbound"]);
}

#[tokio::test]
async fn coroutine_methods_run_concurrently_and_plain_methods_do_not() {
    let Some((_directory, flow)) = flow("v1", "AsyncMethods", "").await else { return };
    let all = json!({"all": 6});
    let calls = (0..6).map(|_| send(&flow, "/meet", texts(&["a"]), &all));
    for outcome in futures_util::future::join_all(calls).await {
        assert_eq!(ids(&reply(outcome).documents), ["a"]);
    }
    assert_eq!(call_result(&flow, "/plain", &Value::Null).await, json!({"documents": 1}));
}

#[tokio::test]
async fn a_jina_executor_is_closed_when_the_flow_ends() {
    let Some((directory, flow)) = flow("v1", "Encoder", "").await else { return };
    let drained = flow.drain(Duration::from_secs(20)).await;
    assert!(drained.completed() && drained.failed_workers.is_empty(), "{drained:?}");
    assert!(directory.path().join("workspace/Encoder/0/closed").exists());
}

#[test]
fn fields_of_a_json_line_reach_an_executor_of_the_second_schema_and_return() {
    let Some(pod) = pod("v2", "Encoder", "") else { return };
    let pod = pod.replace('@', &super::executor_directory().to_string_lossy());
    let directory = directory(&format!("jtype: Flow\nexecutors:\n{pod}\n"));
    let line = "{\"id\": \"a\", \"text\": \"two words\", \"price\": 1.5}\n";
    std::fs::write(directory.path().join("one.jsonl"), line).unwrap();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "one.jsonl", "-e", "/price", "-o", "-"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = json!({"id": "a", "text": "two words", "price": 3.0, "words": ["two", "words"]});
    assert_eq!(json_lines(text(&output.stdout)), [expected]);
}
