//! HTTP: what recorded exchanges do not show.

use serde_json::{Value, json};

use crate::support::client::{served, until};
use crate::support::gate;

const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const JSON: &str = "content-type: application/json\r\n";

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
async fn what_is_described_can_be_asked_and_has_its_models() {
    let served = served("with: {logserver: true}", V1).await;
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    let models = openapi["components"]["schemas"].as_object().unwrap();
    for (path, methods) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"];
            let query =
                if path.starts_with('/') && operation["parameters"].is_array() { "?text=a" } else { "" };
            let example = if body.is_null() { String::new() } else { body["example"].to_string() };
            let (code, _, answered) =
                served.http(&method.to_uppercase(), &format!("{path}{query}"), JSON, &example).await;
            // The stand-in raises at one endpoint, which is told by the code where it is streamed.
            let raised = path == "/raise" && method == "get";
            assert_eq!(code, if raised { 500 } else { 200 }, "{method} {path}: {answered}");
        }
    }
    let text = openapi["paths"].to_string();
    for name in text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(models.contains_key(name), "{name}");
    }
    for model in ["Reply", "ShortReply"] {
        assert!(text.contains(model), "{model}");
    }
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
