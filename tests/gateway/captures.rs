//! Replays recorded gRPC exchanges with Jina 3.34, and compares the replies. Every difference is listed here with its
//! reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::messages::{Schema, to_json};
use crate::support::client::{Grpc, ServedFlow, serve_flow};

const CALL: &str = "/jina.JinaRPC/Call";
const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";
const DATA: &str = "jina.DataRequestProto";

/// Flows of the recordings.
const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const MISC: &str = "- {name: misc, uses: Misc}";
const V2: &str = "- {name: misc, uses: MiscV2}";

/// Recorded messages of one side, in order.
pub(super) fn recorded(name: &str, side: &str) -> Vec<Vec<u8>> {
    let message = |number| std::fs::read(format!("tests/captures/{name}.{side}.{number}.bin")).ok();
    (0..).map_while(message).collect()
}

/// Normalizes a reply: constants for the times in its routes.
pub(super) fn normal(schema: Schema, bytes: &[u8]) -> Value {
    let mut reply = to_json(schema, DATA, bytes);
    for route in reply["routes"].as_array_mut().into_iter().flatten() {
        for time in ["startTime", "endTime"] {
            if let Some(time) = route.get_mut(time) {
                *time = "a time".into();
            }
        }
        reduce_error(&mut route["status"]);
    }
    reduce_error(&mut reply["header"]["status"]);
    reply
}

/// Reduces an error status to its code, first argument and executor class: messages and stacks are not Python's.
fn reduce_error(status: &mut Value) {
    if let Some(exception) = status.get("exception") {
        let (first, class) = (exception["args"][0].clone(), exception["executor"].clone());
        *status = json!({ "code": status["code"], "argument": first, "executor": class });
    }
}

/// Sorts replies by request id, because they arrive as they are ready.
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

/// Replays an exchange; `adjust` applies the expected differences to the recorded reply.
async fn replay(schema: Schema, path: &str, name: &str, adjust: impl Fn(&mut Value)) {
    replay_with(if schema == Schema::V1 { V1 } else { V2 }, schema, path, name, adjust).await;
}

async fn replay_with(executors: &str, schema: Schema, path: &str, name: &str, adjust: impl Fn(&mut Value)) {
    let served = serve_flow("", executors).await;
    let actual = replies(&mut served.grpc().await, path, &[], name).await;
    let actual = actual.iter().map(|reply| normal(schema, reply)).collect();
    let mut expected: Vec<Value> = recorded(name, "resp").iter().map(|reply| normal(schema, reply)).collect();
    expected.iter_mut().for_each(adjust);
    assert_eq!(sorted(actual), sorted(expected), "{name}");
}

fn unchanged(_: &mut Value) {}

#[tokio::test]
async fn requests_of_the_first_schema_get_the_recorded_replies() {
    replay(Schema::V1, CALL, "01_v1_index_text_uri_tensor", unchanged).await;
    replay(Schema::V1, CALL, "08_gzip", unchanged).await;
    replay(Schema::V1, CALL, "08b_deflate", unchanged).await;
    replay(Schema::V1, UNARY, "09_unary", unchanged).await;
    replay(Schema::V1, CALL, "10_params_struct", unchanged).await;
    replay(Schema::V1, CALL, "11_dict_result", unchanged).await;
    replay(Schema::V1, CALL, "14_prefetch_in_order", unchanged).await;
    replay(Schema::V1, CALL, "17_target_executor_skip", unchanged).await;
    replay(Schema::V1, CALL, "12_full_document_v1", unchanged).await;
    // An empty array keeps the element type that was sent.
    replay(Schema::V1, CALL, "13_dtypes_v1", |reply| {
        let documents = reply["data"]["docs"]["docs"].as_array_mut().unwrap();
        let empty = documents.iter_mut().find(|document| document["id"] == "empty").unwrap();
        empty["tensor"]["dense"]["dtype"] = "<f4".into();
    })
    .await;
}

#[tokio::test]
async fn requests_of_the_second_schema_get_the_recorded_replies() {
    replay(Schema::V2, CALL, "03_v2_index_embedding", unchanged).await;
    replay(Schema::V2, CALL, "03b_v2_rich_document", unchanged).await;
}

#[tokio::test]
async fn errors_get_the_recorded_replies() {
    replay(Schema::V1, CALL, "04_v1_error_executor_raised", unchanged).await;
    replay(Schema::V1, CALL, "04b_v1_error_mid_stream", unchanged).await;
    // The test executor has another class than the recorded one.
    replay(Schema::V2, CALL, "04d_v2_error", |reply| {
        reply["header"]["status"]["executor"] = "MiscV2".into();
        reply["routes"][1]["status"]["executor"] = "MiscV2".into();
    })
    .await;
}

#[tokio::test]
async fn documents_of_clip_executors_pass_through_unchanged() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let mut grpc = served.grpc().await;
    let names =
        ["01b_v1_clip_index", "02_v1_search_matches_scores", "02b_v1_clip_rank", "02c_v1_clip_encode"];
    for name in names {
        let recorded = &recorded(name, "resp")[0];
        let called = grpc.call(UNARY, &[], &[recorded]).await;
        let documents = |message: &[u8]| to_json(Schema::V1, DATA, message)["data"].clone();
        let (expected, reply) = (documents(recorded), documents(&called.messages[0]));
        assert!(expected["docs"]["docs"].as_array().is_some_and(|documents| !documents.is_empty()), "{name}");
        assert_eq!(reply, expected, "{name}");
    }
}

#[tokio::test]
async fn a_profile_request_gets_the_recorded_reply() {
    // The test executors handle any endpoint, but compute no vector.
    let flow = "- {name: encoder, uses: Pass}\n- {name: indexer, uses: Pass}";
    replay_with(flow, Schema::V1, CALL, "02d_v1_clip_profile", |reply| {
        reply["data"]["docs"]["docs"][0].as_object_mut().unwrap().remove("embedding");
    })
    .await;
}

#[tokio::test]
async fn stream_doc_gets_the_recorded_replies() {
    let served = serve_flow("", V2).await;
    let request = &recorded("03c_v2_stream_doc", "req")[0];
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    let called = served.grpc().await.call(path, &[], &[request]).await;
    let read = |message: &[u8]| {
        let mut reply = to_json(Schema::V2, "jina.SingleDocumentRequestProto", message);
        // Generated in every reply.
        let id = &mut reply["document"]["data"]["id"];
        assert_eq!(id["text"].as_str().map(str::len), Some(32));
        *id = "an id".into();
        // Recorded replies have generated request ids; flowrun's have that of the request.
        reply["header"]["requestId"] = "an id".into();
        reply
    };
    let reply: Vec<Value> = called.messages.iter().map(|message| read(message)).collect();
    let expected: Vec<Value> =
        recorded("03c_v2_stream_doc", "resp").iter().map(|message| read(message)).collect();
    assert_eq!(reply, expected);
}

/// A flow whose executor has panicked and cannot be restarted.
async fn broken(name: &str) -> ServedFlow {
    let executor = format!("- {{name: misc, uses: {{jtype: Probe, with: {{name: {name}, once: true}}}}}}");
    let served = serve_flow("", &executor).await;
    served.http("POST", "/post", "", r#"{"execEndpoint": "/panic"}"#).await;
    served
}

#[tokio::test]
async fn a_failed_executor_does_not_end_a_stream() {
    let served = broken("gone over gRPC").await;
    // Jina replies with the id only, and ends the stream with UNAVAILABLE. flowrun has no network between gateway and
    // executor: the request fails with the cause, and the stream continues.
    let reply = replies(&mut served.grpc().await, CALL, &[], "04c_v1_network_error").await;
    let reply = to_json(Schema::V1, DATA, &reply[0]);
    let expected = to_json(Schema::V1, DATA, &recorded("04c_v1_network_error", "resp")[0]);
    assert_eq!(reply["header"]["requestId"], expected["header"]["requestId"]);
    let message = reply["header"]["status"]["description"].as_str().unwrap();
    assert!(
        message.contains("panicked and cannot be restarted") && message.ends_with("(in `misc`)"),
        "{message}"
    );
}

#[tokio::test]
async fn a_failed_dry_run_gets_the_recorded_reply() {
    let served = broken("gone for a dry run").await;
    let path = "/jina.JinaGatewayDryRunRPC/dry_run";
    let reply = replies(&mut served.grpc().await, path, &[], "06b_dry_run_failed").await;
    let read = |message: &[u8]| to_json(Schema::V1, "jina.StatusProto", message);
    let (reply, expected) = (read(&reply[0]), read(&recorded("06b_dry_run_failed", "resp")[0]));
    assert_eq!(reply["code"], expected["code"]);
    // The recorded executor was unreachable; the description contains its name.
    assert!(expected["description"].as_str().unwrap().contains("deployment misc"));
    assert!(reply["description"].as_str().unwrap().contains("(in `misc`)"), "{reply}");
}

#[tokio::test]
async fn endpoint_discovery_contains_the_recorded_endpoints() {
    let path = "/jina.JinaDiscoverEndpointsRPC/endpoint_discovery";
    let endpoints = |reply: &Value| -> BTreeSet<String> {
        let names = reply["endpoints"].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    for (flow, name) in [(MISC, "05_v1_worker_endpoint_discovery"), (V2, "05b_v2_gateway_endpoint_discovery")]
    {
        let served = serve_flow("", flow).await;
        let reply = replies(&mut served.grpc().await, path, &[], name).await;
        let read = |message: &[u8]| to_json(Schema::V1, "jina.EndpointsProto", message);
        let (reply, expected) = (read(&reply[0]), read(&recorded(name, "resp")[0]));
        // The test executor of the first schema lacks these endpoints of the recorded executor.
        let known = |name: &String| !["/none", "/empty", "/die"].contains(&name.as_str());
        assert!(
            endpoints(&expected)
                .iter()
                .filter(|name| known(name))
                .all(|name| endpoints(&reply).contains(name)),
            "{name}"
        );
        let schemas = reply["schemas"].as_object().unwrap();
        assert_eq!(schemas.keys().cloned().collect::<BTreeSet<_>>(), endpoints(&reply), "{name}");
        // The keys are those of Jina's executors. Its gateway omits names, and so cannot itself be an external executor.
        let keys = |schema: &Value| schema.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let recorded = &expected["schemas"]["/echo"];
        assert!(keys(&schemas["/echo"]).is_superset(&keys(recorded)), "{name}");
        for side in ["input", "output"] {
            let model = &schemas["/echo"][side]["model"];
            for field in ["id", "text", "embedding", "blob", "tags"] {
                assert!(model["properties"][field].is_object(), "{name}: {field} in {model}");
            }
        }
        // No flowrun executor generates documents one by one.
        assert_eq!(schemas["/stream"]["is_generator"], false);
        assert!(reply.get("writeEndpoints").is_none() && expected.get("writeEndpoints").is_none());
    }
}

#[tokio::test]
async fn info_contains_the_recorded_versions() {
    let served = serve_flow("", V2).await;
    let reply = replies(&mut served.grpc().await, "/jina.JinaInfoRPC/_status", &[], "07_info_status").await;
    let read = |message: &[u8]| to_json(Schema::V1, "jina.JinaInfoProto", message);
    let (reply, expected) = (read(&reply[0]), read(&recorded("07_info_status", "resp")[0]));
    // Clients check the versions of Jina and its protocol. Versions of Python packages and environment variables are
    // not reported.
    for name in ["jina", "jina-proto"] {
        assert_eq!(reply["jina"][name], expected["jina"][name], "{name}");
    }
    assert!(reply.get("envs").is_none(), "{reply}");
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
        // Tests name recordings of one kind without their common prefix.
        let prefixes = ["v1_http_", "v2_http_", "v1_ws_http_", "v1_ws_", "v2_ws_"];
        let own = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        names.insert(own.to_owned());
    }
    assert!(names.len() > 60, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("{name}\"")), "{name} is not replayed");
    }
}
