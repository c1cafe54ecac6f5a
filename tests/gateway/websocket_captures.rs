//! Replays recorded sessions with Jina's WebSocket gateway, and compares the frames. Every difference is listed here with
//! its reason.

use futures_util::{SinkExt as _, StreamExt as _};
use regex::Regex;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::captures::{normal, sorted};
use super::messages::{Schema, from_text};
use crate::support::client::{ServedFlow, serve_flow};

const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const MISC: &str = "- {name: misc, uses: Misc}";
const V2: &str = "- {name: misc, uses: MiscV2}";
const DATA: &str = "jina.DataRequestProto";

/// Recording of one side: the headers and the frames.
struct Side {
    head: String,
    frames: Vec<Frame>,
}

/// A recorded frame.
#[derive(Clone, Debug, PartialEq)]
enum Frame {
    /// A message in the text form of protobuf.
    Proto(String),
    /// Bytes that are not a message.
    Bytes(Vec<u8>),
    /// Text, truncated if it was long.
    Text(String),
    /// A close frame: code and reason.
    Close(u16, String),
}

fn recorded(name: &str) -> [Side; 2] {
    let text = std::fs::read_to_string(format!("tests/captures/ws/{name}.0.txt")).unwrap();
    let (client, server) = text.strip_prefix("--- c2s\n").unwrap().split_once("--- s2c\n").unwrap();
    [client, server].map(|side| {
        let mut parts = side.split("\nframe ");
        let head = parts.next().unwrap().trim_end().to_owned();
        Side { head: format!("{head}\r\n\r\n"), frames: parts.map(frame).collect() }
    })
}

fn frame(text: &str) -> Frame {
    let (about, content) = text.split_once('\n').unwrap();
    let content = content.trim();
    let bytes = ["b'", "b\""].iter().any(|start| content.starts_with(start)).then(|| unescaped(content));
    match (about, bytes) {
        (about, Some(bytes)) if about.contains("opcode=8") => {
            let (code, reason) = bytes.split_at(2);
            let code = u16::from_be_bytes(code.try_into().unwrap());
            Frame::Close(code, String::from_utf8(reason.to_vec()).unwrap())
        }
        (about, Some(bytes)) if about.contains("opcode=1") => Frame::Text(String::from_utf8(bytes).unwrap()),
        (_, Some(bytes)) => Frame::Bytes(bytes),
        (_, None) if content.starts_with("DecodeError") => Frame::Bytes(vec![0xff; 3]),
        (_, None) => Frame::Proto(content.to_owned()),
    }
}

/// Decodes a Python bytes literal.
fn unescaped(literal: &str) -> Vec<u8> {
    let mut text = literal[2..literal.len() - 1].chars();
    let mut bytes = Vec::new();
    while let Some(letter) = text.next() {
        bytes.push(match (letter, letter == '\\') {
            (_, true) => match text.next().unwrap() {
                'x' => u8::from_str_radix(&text.by_ref().take(2).collect::<String>(), 16).unwrap(),
                other => u8::try_from(other).unwrap(),
            },
            (letter, false) => u8::try_from(letter).unwrap(),
        });
    }
    bytes
}

/// Opens a session with the recorded headers, and compares the response headers.
async fn open(served: &ServedFlow, heads: [&str; 2]) -> WebSocketStream<TcpStream> {
    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    stream.write_all(heads[0].replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let lines = |head: &str| {
        let compared =
            |line: &&str| !line.is_empty() && !line.starts_with("date:") && !line.starts_with("server:");
        let head = head.to_lowercase();
        let mut lines: Vec<String> = head.lines().filter(compared).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(std::str::from_utf8(&head).unwrap()), lines(heads[1]));
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

/// Sends the recorded client frames. Returns the actual and the recorded frames of the gateway.
async fn replay(served: &ServedFlow, schema: Schema, name: &str) -> (Vec<Frame>, Vec<Frame>) {
    let [client, server] = recorded(name);
    let mut socket = open(served, [&client.head, &server.head]).await;
    let client_closes = client.head.starts_with("GET /dry_run");
    for frame in client.frames {
        let message = match frame {
            Frame::Proto(text) => Message::binary(from_text(schema, DATA, &complete(&text))),
            Frame::Bytes(bytes) => Message::binary(bytes),
            Frame::Text(text) => Message::text(text),
            // In other sessions the client only answers the close frame.
            Frame::Close(..) if client_closes => Message::Close(None),
            Frame::Close(..) => continue,
        };
        socket.send(message).await.unwrap();
    }
    if server.frames.iter().all(|frame| !matches!(frame, Frame::Close(..))) && client_closes {
        socket.send(Message::Close(None)).await.unwrap();
    }
    let mut frames = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        frames.push(match message {
            Message::Binary(bytes) => Frame::Bytes(bytes.to_vec()),
            Message::Text(text) => Frame::Text(text.to_string()),
            Message::Close(close) => close.map_or(Frame::Close(0, String::new()), |close| {
                Frame::Close(close.code.into(), close.reason.to_string())
            }),
            message => panic!("{name}: {message}"),
        });
    }
    (frames, server.frames)
}

/// Closes the braces of a message in text form that was truncated in the recording.
fn complete(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
    let opened = |lines: &[&str]| {
        let count = |matches: fn(&str) -> bool| lines.iter().filter(|line| matches(line)).count();
        count(|line| line.ends_with('{')) - count(|line| line == "}")
    };
    if opened(&lines) > 0 {
        lines.pop();
    }
    let depth = opened(&lines);
    lines.extend(std::iter::repeat_n("}", depth));
    lines.join("\n")
}

/// True if a reply contains every recorded field; the recording may be truncated.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| actual.get(key).is_some_and(|actual| contains(actual, expected))),
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() >= expected.len()
                && expected.iter().zip(actual).all(|(expected, actual)| contains(actual, expected))
        }
        (actual, expected) => actual == expected,
    }
}

/// Replies among the frames, as JSON, sorted by request id.
fn replies(schema: Schema, frames: &[Frame]) -> Vec<Value> {
    let reply = |frame: &Frame| match frame {
        Frame::Proto(text) => Some(normal(schema, &from_text(schema, DATA, &complete(text)))),
        Frame::Bytes(bytes) => Some(normal(schema, bytes)),
        Frame::Text(_) | Frame::Close(..) => None,
    };
    sorted(frames.iter().filter_map(reply).collect())
}

fn assert_contains(name: &str, actual: &[Value], expected: &[Value]) {
    assert_eq!(actual.len(), expected.len(), "{name}");
    for (actual, expected) in actual.iter().zip(expected) {
        assert!(contains(actual, expected), "{name}: {actual}\ndoes not contain\n{expected}");
    }
}

fn close(frames: &[Frame]) -> Option<u16> {
    frames.iter().find_map(|frame| match frame {
        Frame::Close(code, _) => Some(*code),
        _ => None,
    })
}

#[tokio::test]
async fn sessions_of_the_first_schema_get_the_recorded_replies() {
    let served = serve_flow("", V1).await;
    for name in ["batches", "bytes_eoi_only", "error", "index"] {
        let name = format!("v1_ws_{name}");
        let (actual, expected) = replay(&served, Schema::V1, &name).await;
        assert_contains(&name, &replies(Schema::V1, &actual), &replies(Schema::V1, &expected));
        // After an error the recorded client did not wait for the close frame.
        assert_eq!(close(&actual), close(&expected).or(Some(1000)), "{name}");
    }
    let (actual, expected) = replay(&served, Schema::V1, "v1_ws_ready").await;
    assert_eq!(actual[..1], expected[..1]);
    let (actual, expected) = replay(&served, Schema::V1, "v1_ws_dry_run_json").await;
    assert_eq!(actual[..1], expected[..1]);
}

#[tokio::test]
async fn sessions_of_the_second_schema_get_the_recorded_replies() {
    let served = serve_flow("", V2).await;
    for name in
        ["batches", "dict", "echo_rich", "error", "index", "one", "single_doc_input", "unknown_endpoint"]
    {
        let name = format!("v2_ws_{name}");
        let (actual, expected) = replay(&served, Schema::V2, &name).await;
        let mut expected_replies = replies(Schema::V2, &expected);
        for reply in &mut expected_replies {
            match name.as_str() {
                // The test executor has another class; the recorded routes are truncated.
                "v2_ws_error" => reply["header"]["status"]["executor"] = "MiscV2".into(),
                // Text and vector of the second document are truncated in the recording.
                "v2_ws_index" => reply["data"]["docs"]["docs"].as_array_mut().unwrap().truncate(1),
                // A skipped executor has an end time in flowrun.
                "v2_ws_unknown_endpoint" => reply["routes"][1]["endTime"] = "a time".into(),
                _ => {}
            }
        }
        assert_contains(&name, &replies(Schema::V2, &actual), &expected_replies);
        assert_eq!(close(&actual), close(&expected).or(Some(1000)), "{name}");
    }
    let (actual, expected) = replay(&served, Schema::V2, "v2_ws_ready").await;
    assert_eq!(actual[..1], expected[..1]);
}

/// A reply as text, with constants for times and ids; flowrun writes whole numbers without decimals.
fn without_times(frame: &Frame) -> String {
    let Frame::Text(text) = frame else { panic!("{frame:?}") };
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap();
    let ids = Regex::new("[0-9a-f]{32}").unwrap();
    ids.replace_all(&times.replace_all(text, "a time"), "an id").replace("1.0", "1")
}

#[tokio::test]
async fn sessions_in_json_get_the_recorded_replies() {
    let served = serve_flow("", MISC).await;
    for name in ["v1_ws_json", "v1_ws_json_noproto"] {
        let (actual, expected) = replay(&served, Schema::V1, name).await;
        let (reply, expected_reply) = (without_times(&actual[0]), without_times(&expected[0]));
        // The recording is truncated within a time.
        let complete = expected_reply.rfind("\"start_time\"").unwrap();
        assert_eq!(reply[..complete], expected_reply[..complete], "{name}");
        assert_eq!(close(&actual), close(&expected), "{name}");
    }
}

#[tokio::test]
async fn invalid_sessions_are_closed_with_a_reason() {
    let served = serve_flow("", MISC).await;
    // Jina's server closes the connection without a close frame.
    for (name, reason) in [("bytes_garbage", "not a request"), ("json_bad", "body.data: must be a document")]
    {
        let (actual, expected) = replay(&served, Schema::V1, &format!("v1_ws_{name}")).await;
        assert_eq!(expected, [], "{name}");
        assert!(matches!(&actual[..], [Frame::Close(1007, text)] if text.starts_with(reason)), "{actual:?}");
    }
    // Jina closes with 1011 when an executor cannot be reached. In flowrun a failed executor fails the requests that
    // need it, and the session continues.
    let broken = "- {name: misc, uses: {jtype: Probe, with: {name: gone over WebSocket, once: true}}}";
    let served = serve_flow("", broken).await;
    served.http("POST", "/post", "", r#"{"execEndpoint": "/panic"}"#).await;
    let (actual, expected) = replay(&served, Schema::V1, "v1_ws_die").await;
    assert_eq!((close(&expected), close(&actual)), (Some(1011), Some(1000)));
    let reply = &replies(Schema::V1, &actual)[0];
    assert_eq!(reply["header"]["status"]["code"], "ERROR", "{reply}");
}
