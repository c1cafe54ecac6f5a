//! HTTP: recorded exchanges, and what they do not show.

use serde_json::{Value, json};

use crate::support::client::{Served, served, until};
use crate::support::gate;

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
async fn bodies_of_the_second_schema_are_answered_as_recorded() {
    let served = served("", V2).await;
    // Answers have routes as well, and the endpoint; the fields of documents are those that came, because nothing
    // here knows the class that they are of.
    for name in ["batches.0", "index.1", "raw_echo_header.0", "raw_echo_list.0", "raw_echo_single.0"] {
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
    // A failed request is one of the flow, told in the header: Jina's answer for the second schema is 500.
    let Exchange { method, path, body, .. } = recorded("v2_http_error.0");
    let (code, _, answered) = served.http(&method, &path, JSON, &body).await;
    assert_eq!((code, answered.contains("boom from Misc")), (200, true));
    // `/post` is there for everyone, and a request without documents is one.
    for (name, code) in [("raw_post.0", 200), ("raw_nodata.0", 200), ("raw_default.0", 404), ("root.0", 200)]
    {
        let Exchange { method, path, body, .. } = recorded(&format!("v2_http_{name}"));
        assert_eq!(served.http(&method, &path, JSON, &body).await.0, code, "{name}");
    }
}

#[tokio::test]
async fn endpoints_have_the_paths_that_the_flow_says() {
    let with =
        "with: {no_crud_endpoints: true, title: T, expose_endpoints: {/echo: {path: /say}, /index: {}}}";
    let served = served(with, "- {name: misc, uses: Misc}").await;
    for (path, code) in [("/say", 200), ("/index", 200), ("/dict", 200), ("/search", 404), ("/post", 200)] {
        assert_eq!(served.http("POST", path, JSON, r#"{"data": [{"text": "a"}]}"#).await.0, code, "{path}");
    }
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    assert_eq!(openapi["info"]["title"], "T");
    assert!(openapi["paths"]["/dict"]["post"].is_object() && openapi["paths"]["/search"].is_null());
}

#[tokio::test]
async fn pages_from_elsewhere_may_call_only_if_the_flow_says_so() {
    let origin = "origin: https://a.example\r\n";
    for (with, allowed) in [("with: {cors: true}", true), ("", false)] {
        let served = served(with, V1).await;
        let (_, head, _) = served.http("POST", "/post", origin, "{}").await;
        assert_eq!(head.contains("access-control-allow-origin"), allowed, "{head}");
    }
}

#[tokio::test]
async fn there_is_no_room_too_much_and_too_late() {
    let closed = gate::close();
    let served = served("with: {prefetch: 1, when_full: refuse}", "- {name: gate, uses: Gate}").await;
    let late = served.http("POST", "/post", "x-request-timeout: 0.02\r\n", "{}").await;
    assert_eq!((late.0, late.2.contains("TimeoutError")), (504, true), "{}", late.2);
    // The late request is answered, but the gate still holds it.
    assert_eq!(served.flow.books().inside, 1);
    let full = served.http("POST", "/post", "", "{}").await;
    assert_eq!((full.0, full.1.contains("retry-after: 1")), (429, true), "{}", full.2);
    drop(closed);
    until(|| served.flow.books().inside == 0).await;
    let many = json!({"data": vec![json!({"text": "t"}); 10_001]}).to_string();
    assert_eq!(served.http("POST", "/post", "", &many).await.0, 413);
}

#[tokio::test]
async fn whoever_watches_sees_whether_it_works_and_how_much() {
    let executors =
        "- {name: ok, uses: Pass}\n- {name: probe, uses: {jtype: Probe, with: {name: once, once: true}}}";
    let served = served("", executors).await;
    assert_eq!(served.http("GET", "/live", "", "").await.0, 200);
    assert_eq!(served.http("GET", "/ready", "", "").await.0, 200);
    served.http("POST", "/post", JSON, r#"{"execEndpoint": "/panic", "data": [{"id": "a"}]}"#).await;
    for _ in 0..6 {
        served.http("POST", "/post", JSON, r#"{"execEndpoint": "/index", "data": [{"id": "a"}]}"#).await;
    }
    let (code, _, body) = served.http("GET", "/ready", "", "").await;
    assert_eq!((code, body.contains("1 of 1 workers panicked")), (503, true), "{body}");
    let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
    for line in [
        "flowrun_requests_total 7",
        "flowrun_requests_failed_total 7",
        "flowrun_pod_calls_total{pod=\"ok\"} 7",
        "flowrun_request_seconds_count 7",
        "flowrun_requests_under_way 0",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} in\n{metrics}");
    }
}
