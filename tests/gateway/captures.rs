//! Exchanges with Jina 3.34, recorded, and answered alike. Every difference stands here with its reason.

use serde_json::{Value, json};

use super::messages::{Schema, to_json};
use crate::support::client::{Grpc, served};

const CALL: &str = "/jina.JinaRPC/Call";
const UNARY: &str = "/jina.JinaSingleDataRequestRPC/process_single_data";
const DATA: &str = "jina.DataRequestProto";

/// The flows that were recorded.
const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const V2: &str = "- {name: misc, uses: MiscV2}";

/// The recorded messages of one side, in their order.
pub(super) fn recorded(name: &str, side: &str) -> Vec<Vec<u8>> {
    let message = |number| std::fs::read(format!("tests/captures/{name}.{side}.{number}.bin")).ok();
    (0..).map_while(message).collect()
}

/// What of a reply is the same every time: names instead of times in its routes.
fn normal(schema: Schema, bytes: &[u8]) -> Value {
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
fn sorted(mut replies: Vec<Value>) -> Vec<Value> {
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
    let served = served("", if schema == Schema::V1 { V1 } else { V2 }).await;
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
    // Evaluations are not carried: a document of ours has none.
    replay(Schema::V1, CALL, "12_full_document_v1", |reply| {
        reply["data"]["docs"]["docs"][0].as_object_mut().unwrap().remove("evaluations");
    })
    .await;
    // A Python list comes back as numpy's array, and an empty array keeps the type that it came with.
    replay(Schema::V1, CALL, "13_dtypes_v1", |reply| {
        for document in reply["data"]["docs"]["docs"].as_array_mut().unwrap() {
            document["tensor"]["clsName"] = "numpy".into();
            if document["id"] == "empty" {
                document["tensor"]["dense"]["dtype"] = "<f4".into();
            }
        }
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
