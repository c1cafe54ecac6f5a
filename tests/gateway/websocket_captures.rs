//! Conversations with Jina's WebSocket gateway, recorded, and answered alike. Every difference stands here with its
//! reason.

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
use crate::support::client::{Served, served};

const V1: &str = "- {name: misc, uses: Misc}\n- {name: enc, uses: Enc}";
const MISC: &str = "- {name: misc, uses: Misc}";
const V2: &str = "- {name: misc, uses: MiscV2}";
const DATA: &str = "jina.DataRequestProto";

/// What was recorded of one side: the head, and the frames.
struct Side {
    head: String,
    frames: Vec<Frame>,
}

/// A frame as it was written down.
#[derive(Clone, Debug, PartialEq)]
enum Frame {
    /// A message in protobuf's text form.
    Proto(String),
    /// Other bytes.
    Bytes(Vec<u8>),
    /// Text; long ones were cut.
    Text(String),
    /// The end: the code and the reason.
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

/// The bytes that Python writes so.
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

/// Opens the conversation with the very head that was recorded, and looks whether it is answered as it was.
async fn open(served: &Served, heads: [&str; 2]) -> WebSocketStream<TcpStream> {
    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    stream.write_all(heads[0].replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let lines = |head: &str| {
        let told =
            |line: &&str| !line.is_empty() && !line.starts_with("date:") && !line.starts_with("server:");
        let head = head.to_lowercase();
        let mut lines: Vec<String> = head.lines().filter(told).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(std::str::from_utf8(&head).unwrap()), lines(heads[1]));
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

/// Says what the client said; what the gateway answered.
async fn replay(served: &Served, schema: Schema, name: &str) -> (Vec<Frame>, Vec<Frame>) {
    let [client, server] = recorded(name);
    let mut socket = open(served, [&client.head, &server.head]).await;
    let asks_itself = client.head.starts_with("GET /dry_run");
    for frame in client.frames {
        let message = match frame {
            Frame::Proto(text) => Message::binary(from_text(schema, DATA, &whole(&text))),
            Frame::Bytes(bytes) => Message::binary(bytes),
            Frame::Text(text) => Message::text(text),
            // Elsewhere it only agrees to the end.
            Frame::Close(..) if asks_itself => Message::Close(None),
            Frame::Close(..) => continue,
        };
        socket.send(message).await.unwrap();
    }
    if server.frames.iter().all(|frame| !matches!(frame, Frame::Close(..))) && asks_itself {
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

/// A message in text form. Long ones were cut when they were written down: what is left of them is closed again.
fn whole(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
    let opened = |lines: &[&str]| {
        let count = |what: fn(&str) -> bool| lines.iter().filter(|line| what(line)).count();
        count(|line| line.ends_with('{')) - count(|line| line == "}")
    };
    if opened(&lines) > 0 {
        lines.pop();
    }
    let depth = opened(&lines);
    lines.extend(std::iter::repeat_n("}", depth));
    lines.join("\n")
}

/// Whether a reply says what was recorded, as far as that was written down.
fn says(answered: &Value, expected: &Value) -> bool {
    match (answered, expected) {
        (Value::Object(answered), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| answered.get(key).is_some_and(|answered| says(answered, expected))),
        (Value::Array(answered), Value::Array(expected)) => {
            answered.len() >= expected.len()
                && expected.iter().zip(answered).all(|(expected, answered)| says(answered, expected))
        }
        (answered, expected) => answered == expected,
    }
}

/// The replies among frames, as JSON; replies come as they are ready.
fn replies(schema: Schema, frames: &[Frame]) -> Vec<Value> {
    let reply = |frame: &Frame| match frame {
        Frame::Proto(text) => Some(normal(schema, &from_text(schema, DATA, &whole(text)))),
        Frame::Bytes(bytes) => Some(normal(schema, bytes)),
        Frame::Text(_) | Frame::Close(..) => None,
    };
    sorted(frames.iter().filter_map(reply).collect())
}

fn alike(name: &str, answered: &[Value], expected: &[Value]) {
    assert_eq!(answered.len(), expected.len(), "{name}");
    for (answered, expected) in answered.iter().zip(expected) {
        assert!(says(answered, expected), "{name}: {answered}\nis not\n{expected}");
    }
}

fn close(frames: &[Frame]) -> Option<u16> {
    frames.iter().find_map(|frame| match frame {
        Frame::Close(code, _) => Some(*code),
        _ => None,
    })
}

#[tokio::test]
async fn conversations_of_the_first_schema_are_answered_as_recorded() {
    let served = served("", V1).await;
    for name in ["batches", "bytes_eoi_only", "error", "index"] {
        let name = format!("v1_ws_{name}");
        let (answered, expected) = replay(&served, Schema::V1, &name).await;
        alike(&name, &replies(Schema::V1, &answered), &replies(Schema::V1, &expected));
        // The client that learned of the error did not wait for the end.
        assert_eq!(close(&answered), close(&expected).or(Some(1000)), "{name}");
    }
    let (answered, expected) = replay(&served, Schema::V1, "v1_ws_ready").await;
    assert_eq!(answered[..1], expected[..1]);
    let (answered, expected) = replay(&served, Schema::V1, "v1_ws_dry_run_json").await;
    assert_eq!(answered[..1], expected[..1]);
}

#[tokio::test]
async fn conversations_of_the_second_schema_are_answered_as_recorded() {
    let served = served("", V2).await;
    for name in
        ["batches", "dict", "echo_rich", "error", "index", "one", "single_doc_input", "unknown_endpoint"]
    {
        let name = format!("v2_ws_{name}");
        let (answered, expected) = replay(&served, Schema::V2, &name).await;
        let mut expected_replies = replies(Schema::V2, &expected);
        for reply in &mut expected_replies {
            match name.as_str() {
                // The class stands for the recorded one; what was written of the routes is cut.
                "v2_ws_error" => reply["header"]["status"]["executor"] = "MiscV2".into(),
                // Of the second document neither the text nor the vector made of it was written down whole.
                "v2_ws_index" => reply["data"]["docs"]["docs"].as_array_mut().unwrap().truncate(1),
                // An executor that has nothing to do with a request is left as soon as it is reached.
                "v2_ws_unknown_endpoint" => reply["routes"][1]["endTime"] = "a time".into(),
                _ => {}
            }
        }
        alike(&name, &replies(Schema::V2, &answered), &expected_replies);
        assert_eq!(close(&answered), close(&expected).or(Some(1000)), "{name}");
    }
    let (answered, expected) = replay(&served, Schema::V2, "v2_ws_ready").await;
    assert_eq!(answered[..1], expected[..1]);
}

/// A reply as text, without what is another every time. A number that is whole is written so here.
fn without_times(frame: &Frame) -> String {
    let Frame::Text(text) = frame else { panic!("{frame:?}") };
    let times = Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap();
    let ids = Regex::new("[0-9a-f]{32}").unwrap();
    ids.replace_all(&times.replace_all(text, "a time"), "an id").replace("1.0", "1")
}

#[tokio::test]
async fn conversations_in_json_are_answered_as_recorded() {
    let served = served("", MISC).await;
    for name in ["v1_ws_json", "v1_ws_json_noproto"] {
        let (answered, expected) = replay(&served, Schema::V1, name).await;
        let (reply, expected_reply) = (without_times(&answered[0]), without_times(&expected[0]));
        // What was recorded is cut, within a time.
        let whole = expected_reply.rfind("\"start_time\"").unwrap();
        assert_eq!(reply[..whole], expected_reply[..whole], "{name}");
        assert_eq!(close(&answered), close(&expected), "{name}");
    }
}

#[tokio::test]
async fn conversations_that_went_wrong_end_with_a_reason() {
    let served = served("", MISC).await;
    // Jina's server drops the connection without a word.
    for (name, reason) in [("bytes_garbage", "not a request"), ("json_bad", "body.data: must be a document")]
    {
        let (answered, expected) = replay(&served, Schema::V1, &format!("v1_ws_{name}")).await;
        assert_eq!(expected, [], "{name}");
        assert!(
            matches!(&answered[..], [Frame::Close(1007, said)] if said.starts_with(reason)),
            "{answered:?}"
        );
    }
    // Jina ends the conversation with 1011 when an executor cannot be reached. Here no executor is behind a network:
    // one that is gone fails the requests that need it, and the conversation goes on.
    let gone = "- {name: misc, uses: {jtype: Probe, with: {name: gone over WebSocket, once: true}}}";
    let served = crate::support::client::served("", gone).await;
    served.http("POST", "/post", "", r#"{"execEndpoint": "/panic"}"#).await;
    let (answered, expected) = replay(&served, Schema::V1, "v1_ws_die").await;
    assert_eq!((close(&expected), close(&answered)), (Some(1011), Some(1000)));
    let reply = &replies(Schema::V1, &answered)[0];
    assert_eq!(reply["header"]["status"]["code"], "ERROR", "{reply}");
}
