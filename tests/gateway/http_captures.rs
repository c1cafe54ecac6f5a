//! Exchanges with Jina's HTTP gateway, recorded, and answered alike. Every difference stands here with its reason.

use regex::Regex;
use serde_json::{Value, json};

use crate::support::client::{Served, served, unchunked};

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

/// What of an answer is the same every time. Null stands for absent; a float is one of single precision.
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
        // Errors are ours, not Python's: what is compared is that there is one, and the executor's class.
        ("status", Value::Object(status)) => {
            json!({"code": status["code"], "class": status["exception"]["executor"]})
        }
        ("id" | "requestId", Value::String(id)) if id.len() == 32 => "made up".into(),
        _ => normal(value),
    }
}

async fn replay(served: &Served, name: &str, adjust: impl Fn(&mut Value)) {
    let Exchange { method, path, body, code, answer } = recorded(name);
    let (answered_code, _, answered) = served.http(&method, &path, JSON, &body).await;
    assert_eq!(answered_code, code, "{name}: {answered}");
    let parse = |text: &str| normal(serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: {text}")));
    let mut expected = parse(&answer);
    adjust(&mut expected);
    assert_eq!(parse(&answered), expected, "{name}");
}

fn as_it_is(_: &mut Value) {}

#[tokio::test]
async fn bodies_of_the_first_schema_are_answered_as_recorded() {
    let served = served("", V1).await;
    let alike = [
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
    for name in alike {
        replay(&served, &format!("v1_http_{name}"), as_it_is).await;
    }
    // The same paths at the port of Jina's WebSocket gateway.
    for name in [".0", "dry_run.0"] {
        replay(&served, &format!("v1_ws_http_{name}"), as_it_is).await;
    }
    replay(&served, "v1_http_echo_matches.0", as_it_is).await;
    replay(&served, "v1_http_index.1", as_it_is).await;
    // A key that the first schema does not know may be one of the second, and is kept.
    replay(&served, "v1_http_raw_bad_field.0", |answer| answer["data"][0]["nosuch"] = json!(1.0)).await;
    // Jina makes true of 1, for want of a better type; a number is a number here.
    replay(&served, "v1_http_raw_embedding_list.0", |answer| answer["data"][0]["tags"]["x"] = json!(1.0))
        .await;
    // The client's id is honoured for the second schema in Jina, and for both here.
    replay(&served, "v1_http_raw_header.0", |answer| answer["header"]["requestId"] = "my-id".into()).await;
    // An executor that was not meant was never left; and the type of a file is not guessed from its name.
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
async fn clients_of_the_second_schema_are_answered_as_recorded() {
    let served = served("", V2).await;
    for name in ["batches.0", "batches.1", "batches.2", "index.1", "one.0", "single_doc_input.0"] {
        replay(&served, &format!("v2_http_{name}"), as_it_is).await;
    }
    // The recorded executor answers with documents of another class, which has an id alone.
    replay(&served, "v2_http_dict.0", |answer| {
        let sent = json!({"id": "a", "text": "x", "price": 0.0, "count": 0.0, "flag": false, "tags": {}, "names": []});
        answer["data"] = json!([sent]);
    })
    .await;
    // The words are ours; that a failure is an error of HTTP is Jina's.
    replay(&served, "v2_http_error.0", |answer| {
        answer["detail"] = "InputError(\"boom from Misc\") (in `misc`)".into();
    })
    .await;
    // There is a path for every endpoint; and what no executor handles comes back as it was sent, as over gRPC.
    let Exchange { method, path, body, .. } = recorded("v2_http_unknown_endpoint.0");
    let (code, _, answered) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, answered.contains(r#""targetExecutor":"""#)), (200, true), "{answered}");
}

#[tokio::test]
async fn bodies_that_people_wrote_for_the_second_schema_are_answered() {
    let served = served("", V2).await;
    // Nothing tells them from those of the first schema, so answers have routes as well, the endpoint and a status;
    // the fields of documents are those that came, because nothing here knows the class that they are of; and ids
    // are made up, where Jina's come back as null.
    for name in ["raw_echo_header.0", "raw_echo_header_snake.0", "raw_echo_list.0", "raw_echo_single.0"] {
        let Exchange { method, path, body, code, answer } = recorded(&format!("v2_http_{name}"));
        let (answered_code, _, answered) = served.http(&method, &path, JSON, &body).await;
        assert_eq!(answered_code, code, "{name}: {answered}");
        let (answered, expected): (Value, Value) =
            (serde_json::from_str(&answered).unwrap(), serde_json::from_str(&answer).unwrap());
        let (answered, expected) = (normal(answered), normal(expected));
        assert_eq!(answered["parameters"], expected["parameters"], "{name}");
        assert_eq!(answered["header"]["requestId"], expected["header"]["requestId"], "{name}");
        let sent: Value = serde_json::from_str(&body).unwrap();
        for (number, document) in answered["data"].as_array().unwrap().iter().enumerate() {
            let sent = sent["data"].get(number).unwrap_or(&sent["data"]).as_object().unwrap();
            for key in sent.keys().map(String::as_str).chain(["embedding"]) {
                assert_eq!(document.get(key), expected["data"][number].get(key), "{name}: {key}");
            }
        }
    }
    // For the same reason a failure is told in the header of the first schema's answer.
    let Exchange { method, path, body, .. } = recorded("v2_http_raw_error.0");
    let (code, _, answered) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, answered.contains("boom from Misc")), (200, true));
    // `/post` is there for everyone; a request without documents is one; and a field that no class declares may hold
    // anything.
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
        replay(&served, &format!("v2_http_{name}"), as_it_is).await;
    }
}

/// The events of a stream: their names and data. What is counted by the client, line ends, is looked at.
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
async fn documents_are_streamed_as_recorded() {
    let served = served("", V2).await;
    for name in ["stream.0", "raw_sse.0", "raw_sse_body.0"] {
        let text = std::fs::read_to_string(format!("tests/captures/http/v2_http_{name}.txt")).unwrap();
        let Exchange { method, path, body, code, .. } = recorded(&format!("v2_http_{name}"));
        let accept = if name == "stream.0" { "accept: text/event-stream\r\n" } else { "" };
        let (answered_code, head, answered) = served.http(&method, &path, accept, &body).await;
        assert_eq!(answered_code, code, "{name}: {answered}");
        assert!(head.contains("content-type: text/event-stream; charset=utf-8"), "{head}");
        let (_, chunks) = text.rsplit_once("Transfer-Encoding: chunked\r\n\r\n").unwrap();
        // The last one is empty.
        let chunks = unchunked(chunks.trim_end().strip_suffix('0').unwrap().as_bytes());
        let chunks = String::from_utf8(chunks).unwrap();
        let mut expected = events(&chunks);
        if name != "stream.0" {
            // Jina's documents have every field of their class, ours those that were sent.
            for (_, document) in &mut expected {
                if let Some(document) = document.as_object_mut() {
                    document.retain(|field, _| ["id", "text"].contains(&field.as_str()));
                }
            }
        }
        assert_eq!(events(&answered), expected, "{name}");
    }
    // A failure is told before anything is streamed.
    let failed = served.http("GET", "/raise?text=a", "", "").await;
    assert_eq!((failed.0, failed.2.contains("boom from Misc")), (500, true), "{}", failed.2);
    // Whoever only looks learns that this is not how to ask.
    assert_eq!(served.http("GET", "/stream", "", "").await.0, 405);
}

#[tokio::test]
async fn the_gateway_describes_itself_as_recorded() {
    let named = Regex::new(r#""(/\w+)":\{"(get|post|put|delete)":"#).unwrap();
    for (flow, names) in [
        (V1, ["v1_http_index.0", "v1_http_openapi.0", "v1_http_status.0", "v1_ws_http_status.0"]),
        (V2, ["v2_http_index.0", "v2_http_openapi.0", "v2_http_status.0", "v2_http_status.0"]),
    ] {
        let served = served("", flow).await;
        for name in names {
            let Exchange { method, path, answer, .. } = recorded(name);
            let (code, _, answered) = served.http(&method, &path, "", "").await;
            assert_eq!(code, 200, "{name}");
            let answered: Value = serde_json::from_str(&answered).unwrap();
            match path.as_str() {
                // Every path and method is there, and more; the words and the models are ours. What was recorded is cut.
                "/openapi.json" => {
                    let mut count = 0;
                    for found in named.captures_iter(&answer) {
                        assert!(answered["paths"][&found[1]][&found[2]].is_object(), "{name}: {}", &found[0]);
                        count += 1;
                    }
                    assert!(count >= 6, "{name} names {count} paths");
                }
                // What is no version of ours is not told, and nothing of the environment is.
                _ => {
                    let expected: Value = serde_json::from_str(&answer).unwrap();
                    assert_eq!(answered["jina"]["jina"], expected["jina"]["jina"]);
                    assert_eq!(answered["jina"]["jina-proto"], expected["jina"]["jina-proto"]);
                    assert_eq!(answered["envs"], json!({}));
                }
            }
        }
    }
}

#[tokio::test]
async fn the_pages_that_describe_it_are_there_as_recorded() {
    let served = served("", V1).await;
    for name in ["v1_http_docs.0", "v1_http_redoc.0"] {
        let Exchange { method, path, code, answer, .. } = recorded(name);
        let (answered_code, head, answered) = served.http(&method, &path, "", "").await;
        assert_eq!((answered_code, head.contains("content-type: text/html; charset=utf-8")), (code, true));
        // Jina's are made of scripts from elsewhere, ours of nothing that is not here.
        assert!(answer.contains("https://cdn.") && !answered.contains("https://"), "{answered}");
    }
}

#[tokio::test]
async fn an_executor_that_is_gone_fails_the_requests_that_need_it() {
    let broken = "- {name: misc, uses: {jtype: Probe, with: {name: gone over HTTP, once: true}}}";
    let served = served("", broken).await;
    served.http("POST", "/post", JSON, r#"{"execEndpoint": "/panic"}"#).await;
    // Jina's executors are behind connections, and one that cannot be connected to is 503. Here an executor that
    // panicked and cannot be restarted is a failed request like others, and `/ready` is 503.
    let Exchange { method, path, body, .. } = recorded("v1_http_raw_die.0");
    let (code, _, answered) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, answered.contains("panicked and cannot be restarted")), (200, true), "{answered}");
    let Exchange { method, path, code, answer, .. } = recorded("v1_http_dry_run_down.0");
    let (answered_code, _, answered) = served.http(&method, &path, "", "").await;
    let status = |text: &str| serde_json::from_str::<Value>(text).unwrap()["code"].clone();
    assert_eq!((answered_code, status(&answered)), (code, status(&answer)));
    assert!(answered.contains("(in `misc`)"), "{answered}");
}
