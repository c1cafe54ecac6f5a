//! Tokens with roles: every protocol needs the role of the endpoint, every route that of its row.

use flowrun::gateway::{Token, Tokens};
use flowrun::routes::{Access, BUILT_IN, Role};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::messages::{Schema, from_json, reply};
use super::streams::{CALL, UNARY, data_request};
use crate::support::client::{ServedFlow, serve_flow, serve_with_tokens};

const PASS: &str = "- {name: a, uses: Pass}";
const JSON: &str = "content-type: application/json\r\n";
const PERMISSION_DENIED: u32 = 7;
const ROLES: [Role; 3] = [Role::Read, Role::Write, Role::Admin];

/// Serves a flow with a token for each role, whose value is the name of the role.
async fn served(with: &str, executors: &str) -> ServedFlow {
    let tokens = ROLES.map(|role| (Token::new(role.name()).unwrap(), role));
    serve_with_tokens(with, executors, Tokens::new(tokens)).await
}

fn bearer(role: Role) -> String {
    format!("Bearer {role}")
}

/// Error of a request over each protocol, by the name of the protocol; `None` if it was answered.
async fn errors(
    served: &ServedFlow,
    authorization: &str,
    endpoint: &str,
) -> Vec<(&'static str, Option<String>)> {
    let body = json!({"data": [{"id": "a", "text": "t"}], "execEndpoint": endpoint}).to_string();
    let head = format!("authorization: {authorization}\r\n{JSON}");
    let (code, _, text) = served.http("POST", "/post", &head, &body).await;
    let mut errors = vec![("POST /post", (code == 403).then_some(text))];

    let mut grpc = served.grpc().await;
    let message = data_request("a", endpoint);
    let mut list = vec![0x0a, u8::try_from(message.len()).unwrap()];
    list.extend(&message);
    let document = json!({"header": {"execEndpoint": endpoint}, "document": {"id": "a", "text": "t"}});
    let document = from_json(Schema::V1, "jina.SingleDocumentRequestProto", &document);
    for (method, message) in [
        (UNARY, &message),
        (CALL, &message),
        ("/jina.JinaDataRequestRPC/process_data", &list),
        ("/jina.JinaSingleDocumentRequestRPC/stream_doc", &document),
    ] {
        let called = grpc.call(method, &[("authorization", authorization)], &[message.as_slice()]).await;
        assert!([0, PERMISSION_DENIED].contains(&called.status), "{method}: {called:?}");
        // gRPC encodes its messages like URLs.
        let message = called.message.replace("%20", " ").replace("%60", "`");
        errors.push((method, (called.status == PERMISSION_DENIED).then_some(message)));
    }

    let mut request = format!("ws://{}/", served.address()).into_client_request().unwrap();
    request.headers_mut().insert("authorization", authorization.parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "bytes".parse().unwrap());
    let origin = format!("http://{}", served.address());
    request.headers_mut().insert("origin", origin.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    socket.send(Message::binary(data_request("a", endpoint))).await.unwrap();
    let answer = reply(&socket.next().await.unwrap().unwrap().into_data());
    let description = answer["header"]["status"]["description"].as_str().map(str::to_owned);
    errors.push(("WebSocket", description.filter(|text| !text.is_empty())));
    errors
}

#[tokio::test]
async fn every_protocol_needs_the_role_of_the_endpoint() {
    let served = served("", PASS).await;
    for (endpoint, needed) in [("/search", Role::Read), ("/index", Role::Write), ("/clear", Role::Admin)] {
        for role in ROLES {
            for (protocol, error) in errors(&served, &bearer(role), endpoint).await {
                let case = format!("{protocol} {endpoint} with {role}: {error:?}");
                assert_eq!(error.is_none(), role >= needed, "{case}");
                assert!(error.is_none_or(|error| error.contains(&format!("the role `{needed}`"))), "{case}");
            }
        }
    }
}

#[tokio::test]
async fn http_paths_of_endpoints_need_their_role() {
    let served = served("with: {expose_endpoints: {/clear: {path: /empty}}}", PASS).await;
    for (method, path, needed) in [
        ("POST", "/search", Role::Read),
        ("GET", "/search?text=a", Role::Read),
        ("POST", "/index", Role::Write),
        ("PUT", "/update", Role::Write),
        ("DELETE", "/delete", Role::Write),
        ("POST", "/empty", Role::Admin),
    ] {
        for role in ROLES {
            let head = format!("authorization: {}\r\n{JSON}", bearer(role));
            let (code, _, body) =
                served.http(method, path, &head, if method == "GET" { "" } else { "{}" }).await;
            assert_eq!(code, if role >= needed { 200 } else { 403 }, "{method} {path} with {role}: {body}");
        }
    }
}

#[tokio::test]
async fn every_route_needs_the_role_of_its_row() {
    let served = served("with: {logserver: true}", PASS).await;
    let status = async |path: &str, method: &str, authorization: &str| {
        let head = format!("{authorization}{JSON}");
        // The log is a stream without an end.
        let path = path.replace("{file}", "page.css");
        served.http(method, &path, &head, "{}").await
    };
    for route in BUILT_IN.iter().filter(|route| route.path != "/dashboard/log") {
        let method = route.method.to_uppercase();
        let (code, ..) = status(route.path, &method, "").await;
        let is_public = matches!(route.access, Access::Public | Access::PublicGet);
        assert_eq!(code != 401, is_public, "{} without a token: {code}", route.path);
        let (code, _, body) = status(route.path, &method, "authorization: Bearer read\r\n").await;
        assert_eq!(code == 403, route.access == Access::Admin, "{} with `read`: {body}", route.path);
        assert!(code != 403 || body.contains("the role `admin`"), "{}: {body}", route.path);
        let (code, ..) = status(route.path, &method, "authorization: Bearer admin\r\n").await;
        assert!(code != 401 && code != 403, "{} with `admin`: {code}", route.path);
    }
    let (code, ..) = status("/dashboard/log", "GET", "authorization: Bearer write\r\n").await;
    assert_eq!(code, 403);
}

#[tokio::test]
async fn endpoints_whose_effect_is_unknown_need_the_role_write() {
    let served = served("", "- {name: misc, uses: Misc}").await;
    for (protocol, error) in errors(&served, "Bearer read", "/echo").await {
        assert!(error.is_some_and(|error| error.contains("the role `write`")), "{protocol}");
    }
    for (protocol, error) in errors(&served, "Bearer write", "/echo").await {
        assert_eq!(error, None, "{protocol}");
    }
}

#[tokio::test]
async fn endpoints_without_a_token_of_their_role_have_no_effect() {
    let served = served("", PASS).await;
    errors(&served, "Bearer read", "/index").await;
    assert_eq!(served.flow.request_counts().accepted, 0);
}

#[tokio::test]
async fn no_crud_endpoints_holds_for_every_protocol() {
    let served =
        serve_flow("with: {no_crud_endpoints: true, expose_endpoints: {/index: {path: /put}}}", PASS).await;
    for endpoint in ["/index", "/search", "/update", "/delete", "search"] {
        for (protocol, error) in errors(&served, "none", endpoint).await {
            let error = error.unwrap_or_default();
            assert!(error.contains("`no_crud_endpoints`"), "{protocol} {endpoint}: {error}");
        }
    }
    for (protocol, error) in errors(&served, "none", "/other").await {
        assert_eq!(error, None, "{protocol}");
    }
    assert_eq!(served.http("POST", "/put", JSON, "{}").await.0, 200);
    assert_eq!(served.http("POST", "/search", JSON, "{}").await.0, 404);
}

#[tokio::test]
async fn readiness_reports_its_reasons_only_with_a_token() {
    let executors = "- {name: probe, uses: {jtype: Probe, with: {name: roles, once: true}}}";
    let served = served("", executors).await;
    let head = format!("authorization: Bearer admin\r\n{JSON}");
    let panic = json!({"execEndpoint": "/panic", "data": [{"id": "a"}]}).to_string();
    for _ in 0..7 {
        served.http("POST", "/post", &head, &panic).await;
    }
    let (code, _, body) = served.http("GET", "/ready", "", "").await;
    assert_eq!((code, serde_json::from_str::<Value>(&body).unwrap()), (503, json!({"ready": false})));
    let (code, _, body) = served.http("GET", "/ready", "authorization: Bearer read\r\n", "").await;
    assert_eq!((code, body.contains("1 of 1 workers panicked")), (503, true), "{body}");
}
