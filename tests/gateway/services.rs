//! The services around the requests: discovery, health, reflection, who is there.

use serde_json::{Value, json};

use super::captures::recorded;
use super::messages::{Schema, from_json, reply, to_json};
use super::streams::{UNARY, question};
use crate::support::client::{served, served_by, until};
use crate::support::gate;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const DRY_RUN: &str = "/jina.JinaGatewayDryRunRPC/dry_run";
const REFLECTION: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// What gRPC calls these.
const NOT_FOUND: u32 = 5;
const UNIMPLEMENTED: u32 = 12;
const UNAUTHENTICATED: u32 = 16;

#[tokio::test]
async fn health_and_reflection_are_answered_as_recorded() {
    let served = served("", "- {name: misc, uses: Misc}").await;
    let mut grpc = served.grpc().await;
    let requests = recorded("15_health_reflection_info", "req");
    let responses = recorded("15_health_reflection_info", "resp");
    // The fourth to the seventh ask for services that there are, the eighth for one that there is not.
    for (request, response) in requests[3..7].iter().zip(&responses[2..6]) {
        let called = grpc.call(CHECK, &[], &[request]).await;
        assert_eq!((called.status, &called.messages[0][..]), (0, &response[..]));
    }
    let unknown = grpc.call(CHECK, &[], &[&requests[7]]).await;
    assert_eq!((unknown.status, unknown.messages.len()), (NOT_FOUND, 0));

    let list = grpc.call(REFLECTION, &[], &[&requests[8]]).await;
    assert_eq!(list.messages[0][..], responses[6][..]);
    // The files are ours; what counts is that there are as many and that they hang together.
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
    // A gate is open when nobody keeps it closed.
    drop(gate::close());
    let served = served("", "- {name: misc, uses: Misc}\n- {name: gate, uses: Gate}").await;
    let called = served.grpc().await.call(DRY_RUN, &[], &[b""]).await;
    // As recorded in `06_dry_run_ok`: a status without anything in it.
    assert_eq!((called.status, &called.messages[0][..]), (0, &recorded("06_dry_run_ok", "resp")[0][..]));
    assert_eq!(served.flow.pod_statistics()[1].calls, 1);
}

#[tokio::test]
async fn the_gateway_says_who_it_is_and_which_endpoints_there_are() {
    let served = served("", "- {name: misc, uses: Misc}").await;
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
async fn a_method_that_is_not_served_says_so() {
    let served = served("", "- {name: a, uses: Pass}").await;
    // The first is for executors that keep copies of themselves in step; the second is the successor of the one served.
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
async fn several_requests_are_answered_as_a_join_would_make_them_one() {
    let served = served("", "- {name: misc, uses: Misc}").await;
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
    let answered = reply(&grpc.call(path, &[], &[&requests]).await.messages[0]);
    let joined = json!([{"id": "a", "text": "left", "uri": "u"}, {"id": "b", "text": "right"}, {"id": "c"}]);
    assert_eq!(answered["data"]["docs"]["docs"], joined);
    assert_eq!(
        (&answered["header"]["requestId"], &answered["parameters"]),
        (&json!("r"), &json!({"a": 1.0}))
    );
    // Nothing is a request as well, and one that can be answered.
    assert_eq!(grpc.call(path, &[], &[b""]).await.status, 0);
}

#[tokio::test]
async fn a_single_document_that_nothing_handles_comes_back_as_it_was_sent() {
    let served = served("", "- {name: misc, uses: Misc}").await;
    let sent =
        json!({"header": {"requestId": "r", "execEndpoint": "/nope"}, "document": {"id": "a", "text": "x"}});
    let name = "jina.SingleDocumentRequestProto";
    let sent_message = from_json(Schema::V1, name, &sent);
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    let called = served.grpc().await.call(path, &[], &[&sent_message]).await;
    assert_eq!(called.messages.len(), 1);
    let mut answered = to_json(Schema::V1, name, &called.messages[0]);
    assert_eq!(answered["routes"][0]["executor"], "gateway");
    answered.as_object_mut().unwrap().remove("routes");
    assert_eq!(answered, sent);
}

#[tokio::test]
async fn a_single_document_is_streamed_back() {
    let served = served("", "- {name: misc, uses: Misc}").await;
    let mut grpc = served.grpc().await;
    let path = "/jina.JinaSingleDocumentRequestRPC/stream_doc";
    // Jina refuses here what does not generate: `ValueError('endpoint must be generator')`.
    let requests = recorded("16_v1_stream_doc", "req");
    let called = grpc.call(path, &[], &[&requests[0]]).await;
    let reply = |schema, message: &[u8]| to_json(schema, "jina.SingleDocumentRequestProto", message);
    assert_eq!(called.messages.len(), 1);
    assert_eq!(reply(Schema::V1, &called.messages[0])["document"], json!({"id": "a", "text": "x"}));
    // The header's timeout is one of seconds; the request is answered all the same.
    assert_eq!(grpc.call(UNARY, &[], &[&requests[1]]).await.status, 0);

    let raise = json!({"header": {"requestId": "r", "execEndpoint": "/raise"}, "document": {"id": "a"}});
    let raise = from_json(Schema::V1, "jina.SingleDocumentRequestProto", &raise);
    let failed = reply(Schema::V1, &grpc.call(path, &[], &[&raise]).await.messages[0]);
    assert_eq!(failed["header"]["status"]["exception"]["executor"], "Misc");
    assert_eq!(failed["document"], json!({"id": "a"}));
}

#[tokio::test]
async fn whoever_does_not_show_the_token_is_turned_away() {
    let served = served_by("", "- {name: a, uses: Pass}", Some("secret")).await;
    let mut grpc = served.grpc().await;
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", "Bearer secre")]] {
        let called = grpc.call(UNARY, headers, &[&question("a", "/index")]).await;
        assert_eq!(called.status, UNAUTHENTICATED, "{headers:?}");
    }
    for shown in ["Bearer secret", "secret"] {
        let called = grpc.call(UNARY, &[("authorization", shown)], &[&question("a", "/index")]).await;
        assert_eq!(called.status, 0, "{shown}");
    }
    // Those who watch over the process have no token.
    assert_eq!(grpc.call(CHECK, &[], &[b""]).await.status, 0);
    assert_eq!(served.http("GET", "/ready", "", "").await.0, 200);
    let (code, head, _) = served.http("POST", "/post", "", "{}").await;
    assert_eq!((code, head.contains("www-authenticate: bearer")), (401, true));
    assert_eq!(served.http("POST", "/post", "authorization: Bearer secret\r\n", "{}").await.0, 200);
}

#[tokio::test]
async fn a_watch_sees_the_end() {
    let served = served("", "- {name: a, uses: Pass}").await;
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
    until(|| draining.is_finished()).await;
    assert_eq!(flow.request_counts().unanswered(), 0);
}
