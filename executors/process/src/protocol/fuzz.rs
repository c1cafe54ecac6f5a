//! Fuzzer of the frames between a parent and a child process.

use bytes::BufMut as _;
use flowrun_fuzz::Target;
use flowrun_sdk::Value;
use serde_json::json;

use super::context::{context_from_json, context_to_json};
use super::frame::{FrameKind, FrameReader, encode_frame, encode_json_frame};
use super::ready::Ready;

/// Reads all frames, and the JSON of those that have it.
async fn frames(input: &[u8]) -> String {
    let mut frames = FrameReader::new(input);
    let mut kinds = String::new();
    loop {
        match frames.next().await {
            Ok(Some(frame)) => {
                let body = frame.json_body();
                let _ = (Ready::from_json(&body), context_to_json(&context_from_json(&body)));
                kinds += &format!("{:?} ", frame.kind);
            }
            Ok(None) => return kinds,
            Err(error) => return kinds + &error.to_string(),
        }
    }
}

#[test]
fn any_bytes_are_frames_or_an_error() {
    let ready = json!({"endpoints": ["/index"], "ranking": {"ascending": true, "top_k": 3}, "several": true,
        "batching": {"/search": {"documents": 8, "wait": 100}}, "about": "Python"});
    let call = |bytes: &mut bytes::BytesMut| bytes.put_slice(&[0xff; 40]);
    let seeds = [
        encode_json_frame(FrameKind::Ready, &ready),
        encode_json_frame(FrameKind::Failed, &json!({"message": "m"})),
        encode_json_frame(FrameKind::Status, &Value::Null),
        encode_frame(FrameKind::Call, 7, call),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The announced length is reserved before the body arrives: the peer is a process that flowrun has started.
    Target::new("child-frames")
        .seeds(seeds.into_iter().flatten())
        .memory(64, 300 << 20)
        .run(|input| runtime.block_on(frames(input)));
}
