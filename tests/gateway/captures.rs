//! Exchanges with Jina 3.34, recorded, and answered alike. Every difference stands here with its reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::messages::{Schema, to_json};
use crate::support::client::{Grpc, Served, served};

const CALL: &str = "/jina.JinaRPC/Call";
const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";
const DATA: &str = "jina.DataRequestProto";

/// The flows that were recorded.
const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const MISC: &str = "- {name: misc, uses: Misc}";
const V2: &str = "- {name: misc, uses: MiscV2}";

/// The recorded messages of one side, in their order.
pub(super) fn recorded(name: &str, side: &str) -> Vec<Vec<u8>> {
    let message = |number| std::fs::read(format!("tests/captures/{name}.{side}.{number}.bin")).ok();
    (0..).map_while(message).collect()
}

/// What of a reply is the same every time: names instead of times in its routes.
pub(super) fn normal(schema: Schema, bytes: &[u8]) -> Value {
    let mut reply = to_json(schema, DATA, bytes);
    for route in reply["routes"].as_array_mut().into_iter().flatten() {
        for time in ["startTime", "endTime"] {
            if let Some(time) = route.get_mut(time) {
                *time = "a time".into();
            }
        }
        blur(&mut route["status"]);
    }
    blur(&mut reply["header"]["status"]);
    reply
}

/// Errors are ours, not Python's: what is compared is that there is one, its arguments, and the executor's class.
fn blur(status: &mut Value) {
    if let Some(exception) = status.get("exception") {
        let (first, class) = (exception["args"][0].clone(), exception["executor"].clone());
        *status = json!({ "code": status["code"], "argument": first, "executor": class });
    }
}

/// Replies by the ids of their requests: they come as they are ready.
pub(super) fn sorted(mut replies: Vec<Value>) -> Vec<Value> {
    replies.sort_by_key(|reply| reply["header"]["requestId"].to_string());
    replies
}

async fn replies(grpc: &mut Grpc, path: &str, headers: &[(&str, &str)], name: &str) -> Vec<Vec<u8>> {
    let requests = recorded(name, "req");
    assert!(!requests.is_empty(), "{name} is recorded");
    let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
    let called = grpc.call(path, headers, &requests).await;
    assert_eq!(called.status, 0, "{name}: {}", called.message);
    called.messages.iter().map(|message| message.to_vec()).collect()
}

/// Replays an exchange; `adjust` makes the differences in what was recorded.
async fn replay(schema: Schema, path: &str, name: &str, adjust: impl Fn(&mut Value)) {
    replay_with(if schema == Schema::V1 { V1 } else { V2 }, schema, path, name, adjust).await;
}

async fn replay_with(executors: &str, schema: Schema, path: &str, name: &str, adjust: impl Fn(&mut Value)) {
    let served = served("", executors).await;
    let answered = replies(&mut served.grpc().await, path, &[], name).await;
    let answered = answered.iter().map(|reply| normal(schema, reply)).collect();
    let mut expected: Vec<Value> = recorded(name, "resp").iter().map(|reply| normal(schema, reply)).collect();
    expected.iter_mut().for_each(adjust);
    assert_eq!(sorted(answered), sorted(expected), "{name}");
}

fn as_it_is(_: &mut Value) {}

#[tokio::test]
async fn documents_of_the_first_schema_are_answered_as_recorded() {
    replay(Schema::V1, CALL, "01_v1_index_text_uri_tensor", as_it_is).await;
    replay(Schema::V1, CALL, "08_gzip", as_it_is).await;
    replay(Schema::V1, CALL, "08b_deflate", as_it_is).await;
    replay(Schema::V1, UNARY, "09_unary", as_it_is).await;
    replay(Schema::V1, CALL, "10_params_struct", as_it_is).await;
    replay(Schema::V1, CALL, "11_dict_result", as_it_is).await;
    replay(Schema::V1, CALL, "14_prefetch_in_order", as_it_is).await;
    replay(Schema::V1, CALL, "17_target_executor_skip", as_it_is).await;
    replay(Schema::V1, CALL, "12_full_document_v1", as_it_is).await;
    // An empty array keeps the type that it came with.
    replay(Schema::V1, CALL, "13_dtypes_v1", |reply| {
        let documents = reply["data"]["docs"]["docs"].as_array_mut().unwrap();
        let empty = documents.iter_mut().find(|document| document["id"] == "empty").unwrap();
        empty["tensor"]["dense"]["dtype"] = "<f4".into();
    })
    .await;
}

#[tokio::test]
async fn documents_of_the_second_schema_are_answered_as_recorded() {
    replay(Schema::V2, CALL, "03_v2_index_embedding", as_it_is).await;
    replay(Schema::V2, CALL, "03b_v2_rich_document", as_it_is).await;
}

#[tokio::test]
async fn errors_are_answered_as_recorded() {
    replay(Schema::V1, CALL, "04_v1_error_executor_raised", as_it_is).await;
    replay(Schema::V1, CALL, "04b_v1_error_mid_stream", as_it_is).await;
    // The class stands for the recorded one.
    replay(Schema::V2, CALL, "04d_v2_error", |reply| {
        reply["header"]["status"]["executor"] = "MiscV2".into();
        reply["routes"][1]["status"]["executor"] = "MiscV2".into();
    })
    .await;
}

#[tokio::test]
async fn documents_that_clip_executors_made_pass_through_unchanged() {
    let served = served("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let names =
        ["01b_v1_clip_index", "02_v1_search_matches_scores", "02b_v1_clip_rank", "02c_v1_clip_encode"];
    for name in names {
        let recorded = &recorded(name, "resp")[0];
        let called = grpc.call(UNARY, &[], &[recorded]).await;
        let documents = |message: &[u8]| to_json(Schema::V1, DATA, message)["data"].clone();
        let (expected, answered) = (documents(recorded), documents(&called.messages[0]));
        assert!(expected["docs"]["docs"].as_array().is_some_and(|documents| !documents.is_empty()), "{name}");
        assert_eq!(answered, expected, "{name}");
    }
}

#[tokio::test]
async fn a_profile_is_answered_as_recorded() {
    // Stand-ins for executors that answer any endpoint; the vector is the recorded encoder's.
    let flow = "- {name: encoder, uses: Pass}\n- {name: indexer, uses: Pass}";
    replay_with(flow, Schema::V1, CALL, "02d_v1_clip_profile", |reply| {
        reply["data"]["docs"]["docs"][0].as_object_mut().unwrap().remove("embedding");
    })
    .await;
}

#[tokio::test]
async fn documents_are_streamed_one_by_one_as_recorded() {
    let served = served("", V2).await;
    let request = &recorded("03c_v2_stream_doc", "req")[0];
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    let called = served.grpc().await.call(path, &[], &[request]).await;
    let read = |message: &[u8]| {
        let mut reply = to_json(Schema::V2, "jina.SingleDocumentRequestProto", message);
        // Both are made up, for each of the replies.
        let id = &mut reply["document"]["data"]["id"];
        assert_eq!(id["text"].as_str().map(str::len), Some(32));
        *id = "an id".into();
        // The recorded replies have ids of their own; these have the request's.
        reply["header"]["requestId"] = "an id".into();
        reply
    };
    let answered: Vec<Value> = called.messages.iter().map(|message| read(message)).collect();
    let expected: Vec<Value> =
        recorded("03c_v2_stream_doc", "resp").iter().map(|message| read(message)).collect();
    assert_eq!(answered, expected);
}

/// A flow whose executor has panicked and cannot be restarted.
async fn broken(name: &str) -> Served {
    let executor = format!("- {{name: misc, uses: {{jtype: Probe, with: {{name: {name}, once: true}}}}}}");
    let served = served("", &executor).await;
    served.http("POST", "/post", "", r#"{"execEndpoint": "/panic"}"#).await;
    served
}

#[tokio::test]
async fn an_executor_that_is_gone_ends_no_stream() {
    let served = broken("gone over gRPC").await;
    // Jina answers with the id alone and ends the whole stream with UNAVAILABLE. Here no executor is behind a network:
    // the request that needs it fails with the reason, and the stream goes on.
    let answered = replies(&mut served.grpc().await, CALL, &[], "04c_v1_network_error").await;
    let answered = to_json(Schema::V1, DATA, &answered[0]);
    let expected = to_json(Schema::V1, DATA, &recorded("04c_v1_network_error", "resp")[0]);
    assert_eq!(answered["header"]["requestId"], expected["header"]["requestId"]);
    let said = answered["header"]["status"]["description"].as_str().unwrap();
    assert!(said.contains("panicked and cannot be restarted") && said.ends_with("(in `misc`)"), "{said}");
}

#[tokio::test]
async fn a_dry_run_that_failed_is_answered_as_recorded() {
    let served = broken("gone for a dry run").await;
    let path = "/jina.JinaGatewayDryRunRPC/dry_run";
    let answered = replies(&mut served.grpc().await, path, &[], "06b_dry_run_failed").await;
    let read = |message: &[u8]| to_json(Schema::V1, "jina.StatusProto", message);
    let (answered, expected) = (read(&answered[0]), read(&recorded("06b_dry_run_failed", "resp")[0]));
    assert_eq!(answered["code"], expected["code"]);
    // The recorded executor was behind a network, and its name stands among the words.
    assert!(expected["description"].as_str().unwrap().contains("deployment misc"));
    assert!(answered["description"].as_str().unwrap().contains("(in `misc`)"), "{answered}");
}

#[tokio::test]
async fn endpoints_are_discovered_as_recorded() {
    let path = "/jina.JinaDiscoverEndpointsRPC/endpoint_discovery";
    let all = |answer: &Value| -> BTreeSet<String> {
        let names = answer["endpoints"].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for (flow, name) in [(MISC, "05_v1_worker_endpoint_discovery"), (V2, "05b_v2_gateway_endpoint_discovery")]
    {
        let served = served("", flow).await;
        let answered = replies(&mut served.grpc().await, path, &[], name).await;
        let read = |message: &[u8]| to_json(Schema::V1, "jina.EndpointsProto", message);
        let (answered, expected) = (read(&answered[0]), read(&recorded(name, "resp")[0]));
        // The stand-in of the first schema has endpoints of its own beside these.
        let known = |name: &String| !["/none", "/empty", "/die"].contains(&name.as_str());
        assert!(
            all(&expected).iter().filter(|name| known(name)).all(|name| all(&answered).contains(name)),
            "{name}"
        );
        let schemas = answered["schemas"].as_object().unwrap();
        assert_eq!(schemas.keys().cloned().collect::<BTreeSet<_>>(), all(&answered), "{name}");
        // The keys are those of Jina's executors: its gateway leaves out names, and then is none to be dialled itself.
        let keys = |schema: &Value| schema.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let recorded = &expected["schemas"]["/echo"];
        assert!(keys(&schemas["/echo"]).is_superset(&keys(recorded)), "{name}");
        for side in ["input", "output"] {
            let model = &schemas["/echo"][side]["model"];
            for field in ["id", "text", "embedding", "blob", "tags"] {
                assert!(model["properties"][field].is_object(), "{name}: {field} in {model}");
            }
        }
        // Nothing here generates documents one by one.
        assert_eq!(schemas["/stream"]["is_generator"], false);
        assert!(answered.get("writeEndpoints").is_none() && expected.get("writeEndpoints").is_none());
    }
}

#[tokio::test]
async fn who_it_is_is_told_as_recorded() {
    let served = served("", V2).await;
    let answered =
        replies(&mut served.grpc().await, "/jina.JinaInfoRPC/_status", &[], "07_info_status").await;
    let read = |message: &[u8]| to_json(Schema::V1, "jina.JinaInfoProto", message);
    let (answered, expected) = (read(&answered[0]), read(&recorded("07_info_status", "resp")[0]));
    // The versions that clients look at are Jina's; those of Python's packages are not there, and nothing is told of
    // the environment.
    for name in ["jina", "jina-proto"] {
        assert_eq!(answered["jina"][name], expected["jina"][name], "{name}");
    }
    assert!(answered.get("envs").is_none(), "{answered}");
}

#[test]
fn every_recorded_exchange_is_replayed() {
    let read = |directory: &str| std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let sources: String = read("tests/gateway").map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut names = BTreeSet::new();
    for path in ["tests/captures", "tests/captures/http", "tests/captures/ws"].into_iter().flat_map(read) {
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some((name, _)) = file.split_once(".req.").or_else(|| file.split_once(".resp.")).or_else(|| {
            file.split_once(if path.starts_with("tests/captures/ws") { ".0.txt" } else { ".txt" })
        }) else {
            continue;
        };
        // Those of one kind are named without what they have in common.
        let common = ["v1_http_", "v2_http_", "v1_ws_http_", "v1_ws_", "v2_ws_"];
        let own = common.iter().find_map(|common| name.strip_prefix(common)).unwrap_or(name);
        names.insert(own.to_owned());
    }
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("{name}\"")), "{name} is not replayed");
    }
}
