//! WebSocket sessions: protobuf and JSON frames, end of input, close codes, draining.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::messages::reply;
use super::streams::data_request;
use crate::support::client::{ServedFlow, serve_flow, wait_until};
use crate::support::gate;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const MISC: &str = "- {name: misc, uses: Misc}";

pub(super) async fn connect(served: &ServedFlow, path: &str, protocol: Option<&str>) -> Socket {
    let mut request = format!("ws://{}{path}", served.address()).into_client_request().unwrap();
    if let Some(protocol) = protocol {
        // Like a browser, this client needs the subprotocol confirmed.
        request.headers_mut().insert("origin", format!("http://{}", served.address()).parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(error) => panic!("{error}"),
    }
}

fn bytes(message: Vec<u8>) -> Message {
    Message::Binary(Bytes::from(message))
}

/// Remaining frames, and the code and reason of the close frame.
pub(super) async fn remaining(socket: &mut Socket) -> (Vec<Message>, Option<(CloseCode, String)>) {
    let mut messages = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Close(frame) => {
                return (messages, frame.map(|frame| (frame.code, frame.reason.to_string())));
            }
            message => messages.push(message),
        }
    }
    (messages, None)
}

#[tokio::test]
async fn requests_are_answered_and_the_gateway_closes_after_the_last_reply() {
    let served = serve_flow("", MISC).await;
    let mut socket = connect(&served, "/", Some("bytes")).await;
    for (id, endpoint) in [("a", "/echo"), ("b", "/raise"), ("c", "/echo")] {
        socket.send(bytes(data_request(id, endpoint))).await.unwrap();
    }
    // One zero byte is the end of the input, as Jina's client sends it; in JSON, an empty object.
    socket.send(bytes(vec![0])).await.unwrap();
    let (messages, closed) = remaining(&mut socket).await;
    assert_eq!(closed.unwrap().0, CloseCode::Normal);
    let mut replies: Vec<(String, bool)> = messages
        .into_iter()
        .map(|message| reply(&message.into_data()))
        .map(|reply| {
            let header = &reply["header"];
            (header["requestId"].as_str().unwrap().to_owned(), header["status"]["code"] == "ERROR")
        })
        .collect();
    replies.sort();
    assert_eq!(replies, [("a".to_owned(), false), ("b".to_owned(), true), ("c".to_owned(), false)]);
}

#[tokio::test]
async fn frames_are_json_by_default() {
    let served = serve_flow("", MISC).await;
    let mut socket = connect(&served, "/", None).await;
    let request =
        json!({"data": [{"id": "a", "text": "hi"}], "execEndpoint": "/echo", "parameters": {"a": 1}});
    socket.send(Message::text(request.to_string())).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    let (messages, closed) = remaining(&mut socket).await;
    assert_eq!(closed.unwrap().0, CloseCode::Normal);
    let reply: Value = serde_json::from_str(messages[0].to_text().unwrap()).unwrap();
    assert_eq!(reply["data"], json!([{"id": "a", "text": "hi"}]));
    assert_eq!(
        (&reply["header"]["exec_endpoint"], &reply["parameters"]),
        (&json!("/echo"), &json!({"a": 1}))
    );
    assert!(reply["header"].get("status").is_none());
    let end = reply["routes"][1]["end_time"].as_str().unwrap();
    assert!(end.ends_with('Z'), "{end}");
}

#[tokio::test]
async fn an_invalid_frame_closes_the_session_with_the_reason() {
    let served = serve_flow("", MISC).await;
    for (protocol, message, reason) in [
        (Some("bytes"), bytes(vec![0xff; 3]), "not a request"),
        (Some("bytes"), Message::text("{}"), "a text frame; the subprotocol `bytes` needs binary frames"),
        (None, Message::text(r#"{"data": "nope"}"#), "body.data: must be a document"),
    ] {
        let mut socket = connect(&served, "/", protocol).await;
        socket.send(message).await.unwrap();
        let (messages, closed) = remaining(&mut socket).await;
        let (code, text) = closed.unwrap();
        assert!(
            messages.is_empty() && code == CloseCode::Invalid && text.starts_with(reason),
            "{code} {text}"
        );
    }
}

#[tokio::test]
async fn a_dry_run_is_answered_with_a_frame() {
    let served = serve_flow("", MISC).await;
    let mut socket = connect(&served, "/dry_run", Some("bytes")).await;
    socket.send(bytes(Vec::new())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), bytes(Vec::new()));
    let mut socket = connect(&served, "/dry_run", Some("json")).await;
    socket.send(Message::text("{}")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("{}"));
    let draining = tokio::spawn(served.drain());
    assert_eq!(remaining(&mut socket).await.1.unwrap().0, CloseCode::Away);
    drop(socket);
    assert!(draining.await.unwrap().completed());
}

#[tokio::test]
async fn a_session_is_answered_while_draining() {
    let closed = gate::close();
    let served = serve_flow("", "- {name: gate, uses: Gate}").await;
    let mut socket = connect(&served, "/", Some("bytes")).await;
    socket.send(bytes(data_request("a", "/x"))).await.unwrap();
    let flow = std::sync::Arc::clone(&served.flow);
    wait_until(|| flow.request_counts().in_flight == 1).await;
    let draining = tokio::spawn(served.drain());
    drop(closed);
    let (messages, closed) = remaining(&mut socket).await;
    assert_eq!((messages.len(), closed.unwrap().0), (1, CloseCode::Away));
    drop(socket);
    assert!(draining.await.unwrap().completed());
}
