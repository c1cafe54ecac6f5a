//! Trace export over gRPC and HTTP, which never delays a request.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::messages::{Schema, to_json};
use super::streams::{CALL, data_request};
use crate::serving::Serving;
use crate::support::client::{serve_flow, wait_until_async};
use crate::support::collector::Collector;
use crate::support::program::directory;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The compared fields of a span.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    kind: String,
    trace: String,
    id: String,
    parent: String,
    start: u64,
    end: u64,
    attributes: Value,
    failed: bool,
}

/// Attributes of a resource or a span, as an object.
fn attributes(list: &Value) -> Value {
    let entry = |attribute: &Value| {
        let value = attribute["value"].as_object().unwrap().values().next().unwrap();
        (attribute["key"].as_str().unwrap().to_owned(), value.clone())
    };
    list.as_array().unwrap().iter().map(entry).collect()
}

/// Spans of a batch, and the attributes of their resource.
fn spans(batch: &[u8]) -> (Vec<Span>, Value) {
    let batch = to_json(Schema::V1, "otlp.ExportTraceServiceRequest", batch);
    let resource = &batch["resourceSpans"][0];
    let hexadecimal = |text: &Value| -> String {
        let bytes = STANDARD.decode(text.as_str().unwrap_or_default()).unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let number = |text: &Value| text.as_str().unwrap().parse().unwrap();
    let read = |span: &Value| Span {
        name: span["name"].as_str().unwrap().to_owned(),
        kind: span["kind"].as_str().unwrap().to_owned(),
        trace: hexadecimal(&span["traceId"]),
        id: hexadecimal(&span["spanId"]),
        parent: hexadecimal(&span["parentSpanId"]),
        start: number(&span["startTimeUnixNano"]),
        end: number(&span["endTimeUnixNano"]),
        attributes: attributes(&span["attributes"]),
        failed: span["status"]["code"] == "ERROR",
    };
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap().iter().map(read).collect();
    (spans, attributes(&resource["resource"]["attributes"]))
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_request_is_a_span_in_the_trace_of_the_client_with_a_child_per_call() {
    let mut collector = Collector::start().await;
    let with = format!(
        "with: {{name: flow, tracing: true, traces_exporter_host: 127.0.0.1, traces_exporter_port: {}}}",
        collector.address.port()
    );
    let shards = "- {name: misc, uses: Misc}\n- {name: pass, uses: Pass, shards: 2, polling: ALL}";
    let served = serve_flow(&with, shards).await;
    let headers = [("traceparent", PARENT)];
    let requests = [data_request("a", "/echo"), data_request("b", "/raise")];
    let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
    assert_eq!(served.grpc().await.call(CALL, &headers, &requests).await.messages.len(), 2);
    // Traces that the client does not sample are not exported.
    let unsampled = [("traceparent", &*PARENT.replace("-01", "-00"))];
    served.grpc().await.call(CALL, &unsampled, &[&data_request("c", "/echo")]).await;
    // Draining flushes the last spans.
    served.drain().await;

    let mut all = Vec::new();
    let mut service = Value::Null;
    while all.len() < 6 {
        let (path, _, batch) = collector.batch().await;
        assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let (spans, resource) = spans(&batch);
        all.extend(spans);
        service = resource;
    }
    assert_eq!((all.len(), &service["service.name"]), (6, &json!("flow")), "{all:#?}");
    assert!(all.iter().all(|span| span.trace == TRACE && span.start <= span.end), "{all:#?}");
    let (echo, raise) = (named(&all, "/echo")[0], named(&all, "/raise")[0]);
    for request in [echo, raise] {
        assert_eq!((request.parent.as_str(), request.kind.as_str()), ("00f067aa0ba902b7", "SERVER"));
    }
    assert_eq!(echo.attributes["flowrun.request.id"], "a");
    assert!(raise.failed && !echo.failed);
    // One call of the first executor per request, and one of each shard of the second for the request that succeeded.
    let calls = [named(&all, "misc"), named(&all, "pass")];
    assert_eq!(calls.each_ref().map(Vec::len), [2, 2], "{all:#?}");
    for call in calls.concat() {
        let request = if call.parent == echo.id { echo } else { raise };
        assert_eq!((call.parent.as_str(), call.failed), (request.id.as_str(), request.failed));
        assert!(request.start <= call.start && call.end <= request.end + 1_000_000, "{call:#?} {request:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_of_a_called_flow_is_a_child_of_the_calling_request() {
    let mut collector = Collector::start().await;
    let with = format!(
        "with: {{tracing: true, traces_exporter_host: 127.0.0.1, traces_exporter_port: {}}}",
        collector.address.port()
    );
    let called = serve_flow(&with, "- {name: called, uses: Pass}").await;
    let calling =
        serve_flow(&with, &format!("- {{name: calling, uses: 'grpc://{}'}}", called.address())).await;
    let body = r#"{"data": [{"id": "a"}], "execEndpoint": "/index"}"#;
    assert_eq!(calling.http("POST", "/post", "", body).await.0, 200);
    // Draining flushes the last spans.
    calling.drain().await;
    called.drain().await;
    let mut all = Vec::new();
    while all.len() < 4 {
        all.extend(spans(&collector.batch().await.2).0);
    }
    let requests = named(&all, "/index");
    let root = requests.iter().find(|request| request.parent.is_empty()).unwrap();
    let child = requests.iter().find(|request| !request.parent.is_empty()).unwrap();
    assert_eq!((&child.trace, &child.parent), (&root.trace, &root.id), "{all:#?}");
    assert_eq!(named(&all, "called")[0].parent, child.id);
    assert_eq!(named(&all, "calling")[0].parent, root.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_variables_of_opentelemetry_configure_the_collector() {
    let mut collector = Collector::start().await;
    let directory = directory("jtype: Flow\nwith: {name: flow}\nexecutors: [{name: a, uses: Pass}]\n");
    let endpoint = format!("http://{}", collector.address);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", Path::new(&endpoint)),
        ("OTEL_SERVICE_NAME", Path::new("mine")),
        ("OTEL_EXPORTER_OTLP_HEADERS", Path::new("api-key=secret")),
    ];
    let serving = Serving::start_with(directory.path(), &["flow.yml"], &variables);
    serving.post(&json!({"execEndpoint": "/index", "data": [{"id": "a"}]}));
    let (path, headers, batch) = collector.batch().await;
    assert_eq!((path.as_str(), headers["api-key"].to_str().unwrap()), ("/v1/traces", "secret"));
    let (spans, resource) = spans(&batch);
    assert_eq!(resource["service.name"], "mine");
    let (request, call) = (named(&spans, "/index")[0], named(&spans, "a")[0]);
    // Without a traceparent the request starts a new trace.
    assert_eq!((request.parent.as_str(), call.parent.as_str()), ("", request.id.as_str()));
    assert!(request.trace == call.trace && request.trace != "0".repeat(32));
    assert_eq!(call.attributes["flowrun.worker"], "a/rep-0");
    let metrics = serving.get(0, "/metrics");
    assert!(metrics.contains("flowrun_trace_spans_dropped_total 0"), "{metrics}");
}

#[tokio::test]
async fn an_unreachable_collector_delays_no_request_and_dropped_spans_are_counted() {
    // A port that no process listens on.
    let unreachable = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let with = format!(
        "with: {{tracing: true, traces_exporter_host: 127.0.0.1, traces_exporter_port: {}}}",
        unreachable.port()
    );
    let served = serve_flow(&with, "- {name: a, uses: Pass}").await;
    for _ in 0..10 {
        let (code, _, _) = served.http("POST", "/post", "", r#"{"data": [{"id": "a"}]}"#).await;
        assert_eq!(code, 200);
    }
    wait_until_async(async || {
        let (_, _, metrics) = served.http("GET", "/metrics", "", "").await;
        metrics.contains("flowrun_trace_spans_dropped_total 20")
    })
    .await;
}
