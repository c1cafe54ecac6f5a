//! Replays recorded exchanges with Jina's HTTP gateway, and compares the responses. Every difference is listed here with
//! its reason.

use regex::Regex;
use serde_json::{Value, json};

use crate::support::client::{ServedFlow, decode_chunks, serve_flow};

const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const V2: &str = "- {name: misc, uses: MiscV2}";
const JSON: &str = "content-type: application/json\r\n";

/// A recorded exchange: method, path and body of the request, code and body of the response.
struct Exchange {
    method: String,
    path: String,
    body: String,
    code: u16,
    answer: String,
}

fn recorded(name: &str) -> Exchange {
    let text = std::fs::read_to_string(format!("tests/captures/http/{name}.txt")).unwrap();
    let sides: Vec<&str> =
        text.split("----- ").skip(1).map(|side| side.split_once('\n').unwrap().1).collect();
    let split = |side: &str| {
        let (head, body) =
            side.replace("\r\n", "\n").split_once("\n\n").map(|(h, b)| (h.to_owned(), b.to_owned())).unwrap();
        (head, body.trim_end().to_owned())
    };
    let ((request, body), (response, answer)) = (split(sides[0]), split(sides[1]));
    let mut words = request.split(' ');
    Exchange {
        method: words.next().unwrap().to_owned(),
        path: words.next().unwrap().to_owned(),
        body,
        code: response.split(' ').nth(1).unwrap().parse().unwrap(),
        answer,
    }
}

/// Normalizes a response: null becomes absent, and numbers single precision.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null());
            entries.map(|(name, value)| (name.clone(), normal_entry(&name, value))).collect()
        }
        Value::Array(items) => items.into_iter().map(normal).collect(),
        #[expect(clippy::cast_possible_truncation, reason = "embeddings are of single precision")]
        Value::Number(number) => (number.as_f64().unwrap() as f32).into(),
        value => value,
    }
}

fn normal_entry(name: &str, value: Value) -> Value {
    match (name, &value) {
        ("startTime" | "endTime", _) => "a time".into(),
        // Messages and stacks are not Python's: only the code and the executor's class are compared.
        ("status", Value::Object(status)) => {
            json!({"code": status["code"], "class": status["exception"]["executor"]})
        }
        ("id" | "requestId", Value::String(id)) if id.len() == 32 => "generated".into(),
        _ => normal(value),
    }
}

async fn replay(served: &ServedFlow, name: &str, adjust: impl Fn(&mut Value)) {
    let Exchange { method, path, body, code, answer } = recorded(name);
    let (actual_code, _, actual) = served.http(&method, &path, JSON, &body).await;
    assert_eq!(actual_code, code, "{name}: {actual}");
    let parse = |text: &str| normal(serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: {text}")));
    let mut expected = parse(&answer);
    adjust(&mut expected);
    assert_eq!(parse(&actual), expected, "{name}");
}

fn unchanged(_: &mut Value) {}

#[tokio::test]
async fn requests_of_the_first_schema_get_the_recorded_responses() {
    let served = serve_flow("", V1).await;
    let identical = [
        "batches.0",
        "batches.1",
        "batches.2",
        "error_raise.0",
        "nodocs.0",
        "raw_404.0",
        "raw_delete.0",
        "raw_error.0",
        "raw_nodata.0",
        "raw_post_docs.0",
        "raw_search.0",
        "raw_update.0",
        "raw_index_get.0",
        "root.0",
        "dry_run.0",
        "ready.0",
    ];
    for name in identical {
        replay(&served, &format!("v1_http_{name}"), unchanged).await;
    }
    // The same paths at the port of Jina's WebSocket gateway.
    for name in [".0", "dry_run.0"] {
        replay(&served, &format!("v1_ws_http_{name}"), unchanged).await;
    }
    replay(&served, "v1_http_echo_matches.0", unchanged).await;
    replay(&served, "v1_http_index.1", unchanged).await;
    // A field that is unknown in the first schema may be one of the second, and is kept.
    replay(&served, "v1_http_raw_bad_field.0", |answer| answer["data"][0]["nosuch"] = json!(1.0)).await;
    // Jina converts 1 to true; flowrun keeps the number.
    replay(&served, "v1_http_raw_embedding_list.0", |answer| answer["data"][0]["tags"]["x"] = json!(1.0))
        .await;
    // Jina returns the client's id for the second schema only, flowrun for both.
    replay(&served, "v1_http_raw_header.0", |answer| answer["header"]["requestId"] = "my-id".into()).await;
    // A skipped executor has no end time, and the MIME type is not guessed from the file name.
    replay(&served, "v1_http_raw_post_list.0", |answer| {
        answer["routes"][2].as_object_mut().unwrap().remove("endTime");
        answer["data"][1].as_object_mut().unwrap().remove("mime_type");
    })
    .await;
    replay(&served, "v1_http_target.0", |answer| {
        answer["routes"][2].as_object_mut().unwrap().remove("endTime");
    })
    .await;
    let (code, _, body) = served.http("POST", "/post", JSON, &recorded("v1_http_raw_bad_json.0").body).await;
    assert_eq!((code, body.contains("json_invalid")), (422, true), "{body}");
}

#[tokio::test]
async fn requests_of_the_second_schema_get_the_recorded_responses() {
    let served = serve_flow("", V2).await;
    for name in ["batches.0", "batches.1", "batches.2", "index.1", "one.0", "single_doc_input.0"] {
        replay(&served, &format!("v2_http_{name}"), unchanged).await;
    }
    // The recorded executor returns documents of another class, which has only an id.
    replay(&served, "v2_http_dict.0", |answer| {
        let sent = json!({"id": "a", "text": "x", "price": 0.0, "count": 0.0, "flag": false, "tags": {}, "names": []});
        answer["data"] = json!([sent]);
    })
    .await;
    // The message is flowrun's; the failure as HTTP error is Jina's.
    replay(&served, "v2_http_error.0", |answer| {
        answer["detail"] = "InputError(\"boom from Misc\") (in `misc`)".into();
    })
    .await;
    // A request that no executor handles returns its documents unchanged, like over gRPC. Jina has no path for it.
    let Exchange { method, path, body, .. } = recorded("v2_http_unknown_endpoint.0");
    let (code, _, actual) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, actual.contains(r#""targetExecutor":"""#)), (200, true), "{actual}");
}

#[tokio::test]
async fn handwritten_requests_of_the_second_schema_are_answered() {
    let served = serve_flow("", V2).await;
    // They cannot be distinguished from those of the first schema, so responses also have routes, the endpoint and a
    // status. Documents have the fields that were sent, because flowrun does not know their class. Ids are generated,
    // while Jina returns null.
    for name in ["raw_echo_header.0", "raw_echo_header_snake.0", "raw_echo_list.0", "raw_echo_single.0"] {
        let Exchange { method, path, body, code, answer } = recorded(&format!("v2_http_{name}"));
        let (actual_code, _, actual) = served.http(&method, &path, JSON, &body).await;
        assert_eq!(actual_code, code, "{name}: {actual}");
        let (actual, expected): (Value, Value) =
            (serde_json::from_str(&actual).unwrap(), serde_json::from_str(&answer).unwrap());
        let (actual, expected) = (normal(actual), normal(expected));
        assert_eq!(actual["parameters"], expected["parameters"], "{name}");
        assert_eq!(actual["header"]["requestId"], expected["header"]["requestId"], "{name}");
        let sent: Value = serde_json::from_str(&body).unwrap();
        for (number, document) in actual["data"].as_array().unwrap().iter().enumerate() {
            let sent = sent["data"].get(number).unwrap_or(&sent["data"]).as_object().unwrap();
            for key in sent.keys().map(String::as_str).chain(["embedding"]) {
                assert_eq!(document.get(key), expected["data"][number].get(key), "{name}: {key}");
            }
        }
    }
    // For the same reason a failure is reported in the header, like in the first schema.
    let Exchange { method, path, body, .. } = recorded("v2_http_raw_error.0");
    let (code, _, actual) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, actual.contains("boom from Misc")), (200, true));
    // `/post` exists in any case, a request without documents is valid, and unknown fields can have any type.
    for (name, code) in [
        ("raw_post.0", 200),
        ("raw_nodata.0", 200),
        ("raw_bad.0", 200),
        ("raw_default.0", 404),
        ("root.0", 200),
    ] {
        let Exchange { method, path, body, .. } = recorded(&format!("v2_http_{name}"));
        assert_eq!(served.http(&method, &path, JSON, &body).await.0, code, "{name}");
    }
    for name in ["dry_run.0", "ready.0"] {
        replay(&served, &format!("v2_http_{name}"), unchanged).await;
    }
}

/// Names and data of the events of a stream. Checks the line ends, on which the client relies.
fn events(stream: &str) -> Vec<(String, Value)> {
    let event = |event: &str| {
        let (name, data) = event.split_once("\r\n").unwrap_or((event, "data: null"));
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), normal(data))
    };
    assert!(stream.ends_with("\r\n\r\n"), "{stream}");
    stream.split("\r\n\r\n").filter(|event| !event.is_empty()).map(event).collect()
}

#[tokio::test]
async fn event_streams_equal_the_recorded_ones() {
    let served = serve_flow("", V2).await;
    for name in ["stream.0", "raw_sse.0", "raw_sse_body.0"] {
        let text = std::fs::read_to_string(format!("tests/captures/http/v2_http_{name}.txt")).unwrap();
        let Exchange { method, path, body, code, .. } = recorded(&format!("v2_http_{name}"));
        let accept = if name == "stream.0" { "accept: text/event-stream\r\n" } else { "" };
        let (actual_code, head, actual) = served.http(&method, &path, accept, &body).await;
        assert_eq!(actual_code, code, "{name}: {actual}");
        assert!(head.contains("content-type: text/event-stream; charset=utf-8"), "{head}");
        let (_, chunks) = text.rsplit_once("Transfer-Encoding: chunked\r\n\r\n").unwrap();
        // The last chunk is empty.
        let chunks = decode_chunks(chunks.trim_end().strip_suffix('0').unwrap().as_bytes());
        let chunks = String::from_utf8(chunks).unwrap();
        let mut expected = events(&chunks);
        if name != "stream.0" {
            // Jina's documents have every field of their class, flowrun's those that were sent.
            for (_, document) in &mut expected {
                if let Some(document) = document.as_object_mut() {
                    document.retain(|field, _| ["id", "text"].contains(&field.as_str()));
                }
            }
        }
        assert_eq!(events(&actual), expected, "{name}");
    }
    // A failure is an error status instead of a stream.
    let failed = served.http("GET", "/raise?text=a", "", "").await;
    assert_eq!((failed.0, failed.2.contains("boom from Misc")), (500, true), "{}", failed.2);
    // A plain GET without a document is not allowed.
    assert_eq!(served.http("GET", "/stream", "", "").await.0, 405);
}

#[tokio::test]
async fn openapi_contains_the_recorded_paths() {
    let named = Regex::new(r#""(/\w+)":\{"(get|post|put|delete)":"#).unwrap();
    for (flow, names) in [
        (V1, ["v1_http_index.0", "v1_http_openapi.0", "v1_http_status.0", "v1_ws_http_status.0"]),
        (V2, ["v2_http_index.0", "v2_http_openapi.0", "v2_http_status.0", "v2_http_status.0"]),
    ] {
        let served = serve_flow("", flow).await;
        for name in names {
            let Exchange { method, path, answer, .. } = recorded(name);
            let (code, _, actual) = served.http(&method, &path, "", "").await;
            assert_eq!(code, 200, "{name}");
            let actual: Value = serde_json::from_str(&actual).unwrap();
            match path.as_str() {
                // Every recorded path and method exists; descriptions and models differ. The recording is truncated.
                "/openapi.json" => {
                    let mut count = 0;
                    for found in named.captures_iter(&answer) {
                        assert!(actual["paths"][&found[1]][&found[2]].is_object(), "{name}: {}", &found[0]);
                        count += 1;
                    }
                    assert!(count >= 6, "{name} names {count} paths");
                }
                // Versions of Python packages and environment variables are not reported.
                _ => {
                    let expected: Value = serde_json::from_str(&answer).unwrap();
                    assert_eq!(actual["jina"]["jina"], expected["jina"]["jina"]);
                    assert_eq!(actual["jina"]["jina-proto"], expected["jina"]["jina-proto"]);
                    assert_eq!(actual["envs"], json!({}));
                }
            }
        }
    }
}

#[tokio::test]
async fn documentation_pages_exist_and_load_nothing_from_other_hosts() {
    let served = serve_flow("", V1).await;
    for name in ["v1_http_docs.0", "v1_http_redoc.0"] {
        let Exchange { method, path, code, answer, .. } = recorded(name);
        let (actual_code, head, actual) = served.http(&method, &path, "", "").await;
        assert_eq!((actual_code, head.contains("content-type: text/html; charset=utf-8")), (code, true));
        // Jina's pages load scripts from a CDN, flowrun's only from the gateway.
        assert!(answer.contains("https://cdn.") && !actual.contains("https://"), "{actual}");
    }
}

#[tokio::test]
async fn a_failed_executor_fails_the_requests_that_need_it() {
    let broken = "- {name: misc, uses: {jtype: Probe, with: {name: gone over HTTP, once: true}}}";
    let served = serve_flow("", broken).await;
    served.http("POST", "/post", JSON, r#"{"execEndpoint": "/panic"}"#).await;
    // In Jina an executor that cannot be reached is a 503. In flowrun an executor that panicked and cannot be restarted
    // is a failed request like any other, and `/ready` is 503.
    let Exchange { method, path, body, .. } = recorded("v1_http_raw_die.0");
    let (code, _, actual) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, actual.contains("panicked and cannot be restarted")), (200, true), "{actual}");
    let Exchange { method, path, code, answer, .. } = recorded("v1_http_dry_run_down.0");
    let (actual_code, _, actual) = served.http(&method, &path, "", "").await;
    let status = |text: &str| serde_json::from_str::<Value>(text).unwrap()["code"].clone();
    assert_eq!((actual_code, status(&actual)), (code, status(&answer)));
    assert!(actual.contains("(in `misc`)"), "{actual}");
}
