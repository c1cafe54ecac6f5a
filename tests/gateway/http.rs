//! HTTP: behaviour that the recorded exchanges (`http_captures`) do not cover.

use flowrun::routes::BUILT_IN;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::client::{http_over, serve_flow, serve_with_token, wait_until};
use crate::support::gate;

/// A flow with many small endpoints, and an encoder.
const EXECUTORS: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const JSON: &str = "content-type: application/json\r\n";

#[tokio::test]
async fn endpoints_have_the_paths_that_the_flow_exposes() {
    let with =
        "with: {no_crud_endpoints: true, title: T, expose_endpoints: {/echo: {path: /say}, /index: {}}}";
    let served = serve_flow(with, "- {name: misc, uses: Misc}").await;
    for (path, code) in [("/say", 200), ("/index", 200), ("/dict", 200), ("/search", 404), ("/post", 200)] {
        assert_eq!(served.http("POST", path, JSON, r#"{"data": [{"text": "a"}]}"#).await.0, code, "{path}");
    }
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    assert_eq!(openapi["info"]["title"], "T");
    assert!(openapi["paths"]["/dict"]["post"].is_object() && openapi["paths"]["/search"].is_null());
}

#[tokio::test]
async fn every_built_in_route_has_a_handler() {
    let served = serve_flow("with: {logserver: true}", EXECUTORS).await;
    for route in BUILT_IN {
        let path = route.path.replace("{file}", "page.css");
        let (code, _, body) = served.http(&route.method.to_uppercase(), &path, JSON, "{}").await;
        assert!(code != 405 && !body.contains("Not Found"), "{path}: {code} {body}");
    }
    let unknown = served.http("GET", "/unknown", "", "").await;
    assert_eq!((unknown.0, unknown.2.as_str()), (404, r#"{"detail":"Not Found"}"#));
}

#[tokio::test]
async fn an_endpoint_whose_path_is_taken_is_reachable_through_post() {
    let with =
        "with: {logserver: true, expose_endpoints: {/say: {path: /dashboard/log}, /find: {path: /live}}}";
    let served = serve_flow(with, "- {name: misc, uses: Misc}").await;
    assert_eq!(served.http("GET", "/live", "", "").await.0, 200);
    assert_eq!(served.http("POST", "/live", JSON, "{}").await.0, 405);
    let (code, _, body) = served.http("POST", "/post", JSON, r#"{"execEndpoint": "/find"}"#).await;
    assert_eq!(code, 200, "{body}");
}

#[tokio::test]
async fn every_described_operation_succeeds_and_its_models_exist() {
    let served = serve_flow("with: {logserver: true}", EXECUTORS).await;
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    let models = openapi["components"]["schemas"].as_object().unwrap();
    for (path, methods) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let body = &operation["requestBody"]["content"]["application/json"];
            let query =
                if path.starts_with('/') && operation["parameters"].is_array() { "?text=a" } else { "" };
            let example = if body.is_null() { String::new() } else { body["example"].to_string() };
            let (code, _, reply) =
                served.http(&method.to_uppercase(), &format!("{path}{query}"), JSON, &example).await;
            // The endpoint `/raise` fails, which a stream reports by its status code.
            let fails = path == "/raise" && method == "get";
            let expected = match path.as_str() {
                _ if fails => 500,
                // They need a document that a page has found.
                "/media/thumbnail" | "/media/preview" => 422,
                _ => 200,
            };
            assert_eq!(code, expected, "{method} {path}: {reply}");
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
async fn overload_size_and_deadline_have_their_status_codes() {
    let closed = gate::close();
    let served = serve_flow("with: {prefetch: 1, when_full: refuse}", "- {name: gate, uses: Gate}").await;
    let late = served.http("POST", "/post", "x-request-timeout: 0.02\r\n", "{}").await;
    assert_eq!((late.0, late.2.contains("TimeoutError")), (504, true), "{}", late.2);
    // The late request was answered, but the executor still runs it.
    assert_eq!(served.flow.request_counts().in_flight, 1);
    let full = served.http("POST", "/post", "", "{}").await;
    assert_eq!((full.0, full.1.contains("retry-after: 1")), (429, true), "{}", full.2);
    drop(closed);
    wait_until(|| served.flow.request_counts().in_flight == 0).await;
    let many = json!({"data": vec![json!({"text": "t"}); 10_001]}).to_string();
    assert_eq!(served.http("POST", "/post", "", &many).await.0, 413);
}

#[tokio::test]
async fn a_failed_request_has_an_http_error_code_for_clients_that_request_it() {
    let served = serve_flow("", EXECUTORS).await;
    let raise = r#"{"data": [{"text": "a"}], "execEndpoint": "/raise"}"#;
    for (path, head, code) in [
        ("/post", "", 200),
        ("/post?errors=http", "", 422),
        ("/post", "x-flowrun-errors: http\r\n", 422),
        ("/post?errors=jina", "x-flowrun-errors: no\r\n", 200),
        ("/raise?x=1&errors=HTTP", "", 422),
    ] {
        let (answered, _, body) = served.http("POST", path, &format!("{head}{JSON}"), raise).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((answered, &body["header"]["status"]["code"]), (code, &json!(1)), "{path} {head}");
    }
    let probe = serve_flow("", "- {name: probe, uses: {jtype: Probe, with: {name: http}}}").await;
    let panic = r#"{"data": [{"id": "a"}], "execEndpoint": "/panic"}"#;
    assert_eq!(probe.http("POST", "/post?errors=http", JSON, panic).await.0, 500);
    let reader = serve_flow("", "- {name: reader, uses: ImageReader}").await;
    let (code, _, body) = reader.http("POST", "/post?errors=http", JSON, r#"{"data": [{"id": "a"}]}"#).await;
    assert_eq!((code, body.contains("this flow expects pictures")), (422, true), "{body}");
    let picture = r#"{"uri": "data:image/gif;base64,R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs="}"#;
    let partly = format!(r#"{{"data": [{{"id": "a"}}, {picture}]}}"#);
    let (code, _, body) = reader.http("POST", "/post?errors=http", JSON, &partly).await;
    assert_eq!((code, body.contains("__failed__")), (200, true), "{body}");
}

#[tokio::test]
async fn an_endpoint_is_documented_with_its_effect_and_parameters() {
    let executors = "- {name: reader, uses: ImageReader}\n- {name: encoder, uses: ImageDescriptorEncoder}\n\
        - {name: index, uses: VectorIndexer, uses_with: {access_paths: '@c'}}";
    let served = serve_flow("", executors).await;
    let (_, _, openapi) = served.http("GET", "/openapi.json", "", "").await;
    let openapi: Value = serde_json::from_str(&openapi).unwrap();
    let search = &openapi["paths"]["/search"]["post"];
    assert!(search["summary"].as_str().unwrap().contains("most similar"), "{search}");
    let body = &search["requestBody"]["content"]["application/json"];
    let parameters = &body["schema"]["allOf"][1]["properties"]["parameters"]["properties"];
    assert_eq!(parameters["top_k"]["type"], "integer");
    assert!(parameters["filter"]["description"].is_string() && parameters["time_to_live"].is_null());
    // The flow reads pictures.
    let example = body["example"].to_string();
    assert!(example.contains("data:image/"), "{example}");
    let (code, _, reply) = served.http("POST", "/index?errors=http", JSON, &example).await;
    assert_eq!(code, 200, "{reply}");
    assert!(openapi["paths"]["/clear"]["get"].is_null());
}

#[tokio::test]
async fn health_has_a_port_of_its_own_that_serves_nothing_else() {
    let served = serve_with_token("", EXECUTORS, Some("secret")).await;
    let health = async |method: &str, path: &str, head: &str| {
        let stream = TcpStream::connect(served.health_address()).await.unwrap();
        http_over(stream, method, path, head, "").await.0
    };
    for path in ["/live", "/ready"] {
        assert_eq!(health("GET", path, "").await, 200, "{path}");
    }
    assert_eq!(health("GET", "/metrics", "").await, 401);
    let token = "authorization: Bearer secret\r\n";
    assert_eq!(health("GET", "/metrics", token).await, 200);
    for (method, path) in [("POST", "/post"), ("GET", "/"), ("GET", "/openapi.json")] {
        assert_eq!(health(method, path, token).await, 404, "{path}");
    }
}

#[tokio::test]
async fn probes_and_metrics_report_failures() {
    let executors =
        "- {name: ok, uses: Pass}\n- {name: probe, uses: {jtype: Probe, with: {name: once, once: true}}}";
    let served = serve_flow("", executors).await;
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
        "flowrun_pod_calls_under_way{pod=\"ok\"} 0",
        "flowrun_pod_call_seconds_bucket{pod=\"ok\",le=\"+Inf\"} 7",
        "flowrun_pod_call_seconds_count{pod=\"ok\"} 7",
        "flowrun_pod_workers_broken{pod=\"probe\"} 1",
        "flowrun_request_seconds_count 7",
        "flowrun_requests_under_way 0",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn long_replies_are_compressed_for_clients_that_accept_it() {
    let served = serve_flow("", EXECUTORS).await;
    let body = json!({"data": vec![json!({"id": "a", "text": "word ".repeat(100)}); 100]}).to_string();
    let gzip = "accept-encoding: gzip, deflate\r\n";
    let (_, head, plain) = served.http("POST", "/echo", "", &body).await;
    assert!(!head.contains("content-encoding"), "{head}");
    let (_, head, unpacked) = served.http("POST", "/echo", gzip, &body).await;
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    let data = |text: &str| serde_json::from_str::<Value>(text).unwrap()["data"].clone();
    assert_eq!(data(&plain), data(&unpacked));
    // Short replies and event streams are not compressed.
    let (_, head, _) = served.http("POST", "/echo", gzip, r#"{"data": [{"text": "a"}]}"#).await;
    assert!(!head.contains("content-encoding"), "{head}");
    let long = json!({"text": "word ".repeat(10_000)}).to_string();
    let (code, head, _) = served.http("GET", "/echo", gzip, &long).await;
    assert_eq!((code, head.contains("content-encoding")), (200, false), "{head}");
}

#[tokio::test]
async fn the_request_id_of_the_client_is_returned() {
    let served = serve_flow("", EXECUTORS).await;
    let parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    for (head, body, id) in [
        ("x-request-id: mine\r\n", "{}", "mine"),
        (parent, "{}", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("x-request-id: mine\r\n", r#"{"header": {"requestId": "own"}}"#, "own"),
    ] {
        let (_, head, reply) = served.http("POST", "/post", head, body).await;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(reply["header"]["requestId"], id);
        assert!(head.contains(&format!("x-request-id: {id}")), "{head}");
    }
    // The body returns it unchanged; the header has no line breaks.
    let hostile = r#"{"header": {"requestId": "a\r\nset-cookie: b"}}"#;
    let (_, head, reply) = served.http("POST", "/post", "", hostile).await;
    assert!(head.contains("x-request-id: aset-cookie: b"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&reply).unwrap()["header"]["requestId"], "a\r\nset-cookie: b");
}

#[tokio::test]
async fn metrics_of_executors_are_reported_by_shard() {
    let executors =
        "- {name: gauged, uses: {jtype: Probe, with: {name: gauged}}, shards: 2, replicas: 2, polling: ALL}";
    let served = serve_flow("", executors).await;
    for _ in 0..3 {
        served
            .http("POST", "/post", JSON, r#"{"execEndpoint": "/x", "data": [{"id": "a"}, {"id": "b"}]}"#)
            .await;
    }
    let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
    for line in [
        "# HELP flowrun_executor_probed_total Documents of all calls.",
        "# TYPE flowrun_executor_probed_total counter",
        // Values of the replicas of a shard are added.
        "flowrun_executor_probed_total{pod=\"gauged\",shard=\"0\"} 6",
        "flowrun_executor_probed_total{pod=\"gauged\",shard=\"1\"} 6",
        "# TYPE flowrun_executor_probed_last gauge",
        "flowrun_executor_probed_last{pod=\"gauged\",shard=\"1\"} 2",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line} in\n{metrics}");
    }
    // Every line is valid for Prometheus: a comment, or a name with labels and a value.
    let line = regex::Regex::new(
        r#"^(# (HELP|TYPE) (flowrun|process)_\w+ .+|(flowrun|process)_\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+)$"#,
    );
    let line = line.unwrap();
    assert!(metrics.lines().all(|known| line.is_match(known)), "{metrics}");
}
