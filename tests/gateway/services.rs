//! gRPC services other than data requests: discovery, health, reflection, info, dry run, `process_data`, `stream_doc`.

use serde_json::{Value, json};

use super::captures::recorded;
use super::messages::{Schema, from_json, reply, to_json};
use super::streams::{UNARY, data_request};
use crate::support::client::{serve_flow, serve_with_token, wait_until};
use crate::support::gate;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const DRY_RUN: &str = "/jina.JinaGatewayDryRunRPC/dry_run";
const REFLECTION: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// gRPC status codes.
const NOT_FOUND: u32 = 5;
const UNIMPLEMENTED: u32 = 12;
const UNAUTHENTICATED: u32 = 16;

#[tokio::test]
async fn health_and_reflection_get_the_recorded_replies() {
    let served = serve_flow("", "- {name: misc, uses: Misc}").await;
    let mut grpc = served.grpc().await;
    let requests = recorded("15_health_reflection_info", "req");
    let responses = recorded("15_health_reflection_info", "resp");
    // Requests 4 to 7 are for existing services, the 8th for an unknown one.
    for (request, response) in requests[3..7].iter().zip(&responses[2..6]) {
        let called = grpc.call(CHECK, &[], &[request]).await;
        assert_eq!((called.status, &called.messages[0][..]), (0, &response[..]));
    }
    let unknown = grpc.call(CHECK, &[], &[&requests[7]]).await;
    assert_eq!((unknown.status, unknown.messages.len()), (NOT_FOUND, 0));

    let list = grpc.call(REFLECTION, &[], &[&requests[8]]).await;
    assert_eq!(list.messages[0][..], responses[6][..]);
    // The schema files are flowrun's: only their number is compared.
    let files = |bytes: &[u8]| {
        let name = "grpc.reflection.v1alpha.ServerReflectionResponse";
        let answer = to_json(Schema::V1, name, bytes);
        answer["fileDescriptorResponse"]["fileDescriptorProto"].as_array().unwrap().len()
    };
    let symbol = grpc.call(REFLECTION, &[], &[&requests[9]]).await;
    assert_eq!(files(&symbol.messages[0]), files(&responses[7]));
    let name = "grpc.reflection.v1alpha.ServerReflectionRequest";
    let nothing = from_json(Schema::V1, name, &json!({"fileContainingSymbol": "jina.Nothing"}));
    let nothing = grpc.call(REFLECTION, &[], &[&nothing]).await;
    let answer =
        to_json(Schema::V1, "grpc.reflection.v1alpha.ServerReflectionResponse", &nothing.messages[0]);
    assert_eq!(answer["errorResponse"]["errorCode"], 5);
}

#[tokio::test]
async fn a_dry_run_goes_through_every_executor() {
    // Opens the gate.
    drop(gate::close());
    let served = serve_flow("", "- {name: misc, uses: Misc}\n- {name: gate, uses: Gate}").await;
    let called = served.grpc().await.call(DRY_RUN, &[], &[b""]).await;
    // As recorded in `06_dry_run_ok`: an empty status.
    assert_eq!((called.status, &called.messages[0][..]), (0, &recorded("06_dry_run_ok", "resp")[0][..]));
    assert_eq!(served.flow.pod_statistics()[1].calls, 1);
}

#[tokio::test]
async fn info_and_discovery_report_versions_and_endpoints() {
    let served = serve_flow("", "- {name: misc, uses: Misc}").await;
    let mut grpc = served.grpc().await;
    let info = grpc.call("/jina.JinaInfoRPC/_status", &[], &[b""]).await;
    let info = to_json(Schema::V1, "jina.JinaInfoProto", &info.messages[0]);
    assert_eq!(info["jina"]["flowrun"], env!("CARGO_PKG_VERSION"));
    let found = grpc.call("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery", &[], &[b""]).await;
    let found = to_json(Schema::V1, "jina.EndpointsProto", &found.messages[0]);
    let names = ["/default", "/dict", "/echo", "/one", "/params", "/raise", "/stream", "_jina_dry_run_"];
    assert_eq!(found["endpoints"], json!(names));
}

#[tokio::test]
async fn unknown_methods_are_unimplemented() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    // The first is for replicated executors; the second is the successor of the served reflection version.
    for path in
        ["/jina.JinaExecutorSnapshot/snapshot", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"]
    {
        let called = served.grpc().await.call(path, &[], &[b""]).await;
        assert_eq!(
            (called.status, called.message.as_str()),
            (UNIMPLEMENTED, "Method%20not%20found!"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn process_data_joins_its_requests() {
    let served = serve_flow("", "- {name: misc, uses: Misc}").await;
    let part = |documents: Value| {
        let header = json!({"requestId": "r", "execEndpoint": "/echo"});
        json!({"header": header, "parameters": {"a": 1}, "data": {"docs": {"docs": documents}}})
    };
    let requests = json!({"requests": [
        part(json!([{"id": "a", "text": "left"}, {"id": "b"}])),
        part(json!([{"id": "a", "text": "right", "uri": "u"}, {"id": "b", "text": "right"}, {"id": "c"}])),
    ]});
    let requests = from_json(Schema::V1, "jina.DataRequestListProto", &requests);
    let path = "/jina.JinaDataRequestRPC/process_data";
    let mut grpc = served.grpc().await;
    let joined_reply = reply(&grpc.call(path, &[], &[&requests]).await.messages[0]);
    let joined = json!([{"id": "a", "text": "left", "uri": "u"}, {"id": "b", "text": "right"}, {"id": "c"}]);
    assert_eq!(joined_reply["data"]["docs"]["docs"], joined);
    assert_eq!(
        (&joined_reply["header"]["requestId"], &joined_reply["parameters"]),
        (&json!("r"), &json!({"a": 1.0}))
    );
    // An empty list is a valid request.
    assert_eq!(grpc.call(path, &[], &[b""]).await.status, 0);
}

#[tokio::test]
async fn stream_doc_returns_an_unhandled_document_unchanged() {
    let served = serve_flow("", "- {name: misc, uses: Misc}").await;
    let sent =
        json!({"header": {"requestId": "r", "execEndpoint": "/nope"}, "document": {"id": "a", "text": "x"}});
    let name = "jina.SingleDocumentRequestProto";
    let sent_message = from_json(Schema::V1, name, &sent);
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    let called = served.grpc().await.call(path, &[], &[&sent_message]).await;
    assert_eq!(called.messages.len(), 1);
    let mut returned = to_json(Schema::V1, name, &called.messages[0]);
    assert_eq!(returned["routes"][0]["executor"], "gateway");
    returned.as_object_mut().unwrap().remove("routes");
    assert_eq!(returned, sent);
}

#[tokio::test]
async fn stream_doc_streams_the_documents_of_the_flow() {
    let served = serve_flow("", "- {name: misc, uses: Misc}").await;
    let mut grpc = served.grpc().await;
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    // Jina fails for executors that are not generators: `ValueError('endpoint must be generator')`.
    let requests = recorded("16_v1_stream_doc", "req");
    let called = grpc.call(path, &[], &[&requests[0]]).await;
    let reply = |schema, message: &[u8]| to_json(schema, "jina.SingleDocumentRequestProto", message);
    assert_eq!(called.messages.len(), 1);
    assert_eq!(reply(Schema::V1, &called.messages[0])["document"], json!({"id": "a", "text": "x"}));
    // The timeout of the header, in seconds, does not expire during the test.
    assert_eq!(grpc.call(UNARY, &[], &[&requests[1]]).await.status, 0);

    let raise = json!({"header": {"requestId": "r", "execEndpoint": "/raise"}, "document": {"id": "a"}});
    let raise = from_json(Schema::V1, "jina.SingleDocumentRequestProto", &raise);
    let failed = reply(Schema::V1, &grpc.call(path, &[], &[&raise]).await.messages[0]);
    assert_eq!(failed["header"]["status"]["exception"]["executor"], "Misc");
    assert_eq!(failed["document"], json!({"id": "a"}));
}

#[tokio::test]
async fn requests_without_the_token_are_unauthenticated() {
    let served = serve_with_token("", "- {name: a, uses: Pass}", Some("secret")).await;
    let mut grpc = served.grpc().await;
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Bearer secre")]] {
        let called = grpc.call(UNARY, headers, &[&data_request("a", "/index")]).await;
        assert_eq!(called.status, UNAUTHENTICATED, "{headers:?}");
    }
    for token in ["Bearer secret", "secret"] {
        let called = grpc.call(UNARY, &[("authorization", token)], &[&data_request("a", "/index")]).await;
        assert_eq!(called.status, 0, "{token}");
    }
    // Probes have no token.
    assert_eq!(grpc.call(CHECK, &[], &[b""]).await.status, 0);
    assert_eq!(served.http("GET", "/ready", "", "").await.0, 200);
    let (code, head, _) = served.http("POST", "/post", "", "{}").await;
    assert_eq!((code, head.contains("www-authenticate: bearer")), (401, true));
    assert_eq!(served.http("POST", "/post", "authorization: Bearer secret\r\n", "{}").await.0, 200);
}

#[tokio::test]
async fn a_health_watch_reports_draining() {
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let mut watch = served.grpc().await.begin("/grpc.health.v1.Health/Watch", &[]).await;
    watch.send(b"");
    watch.close();
    let status = |bytes: &[u8]| -> Value {
        to_json(Schema::V1, "grpc.health.v1.HealthCheckResponse", bytes)["status"].clone()
    };
    assert_eq!(status(&watch.next().await.unwrap()), "SERVING");
    let flow = std::sync::Arc::clone(&served.flow);
    let draining = tokio::spawn(served.drain());
    assert_eq!(status(&watch.next().await.unwrap()), "NOT_SERVING");
    assert!(watch.next().await.is_none());
    wait_until(|| draining.is_finished()).await;
    assert_eq!(flow.request_counts().unanswered(), 0);
}
