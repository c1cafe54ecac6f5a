//! HTTP requests whose JSON is large, deeply nested, or small in bytes and large when it is decompressed or decoded, and
//! requests with long queries and patterns. The table `ATTACKS` describes each.

use std::fmt::Write as _;

use crate::attack::Attacker;
use crate::wire::{grpc, http1};

/// Number of connections that send the request concurrently.
const CONNECTIONS: usize = 4;

/// Sends a request with this body to `/post` repeatedly.
async fn post(attacker: Attacker, body: String) {
    attacker.send(CONNECTIONS, http1::request("/post", "", body.as_bytes())).await;
}

/// Body of a request for an endpoint that no executor handles; `documents` is the content of its JSON array.
fn documents(documents: &str) -> String {
    format!(r#"{{"execEndpoint":"/x","data":[{documents}]}}"#)
}

fn tags(count: usize) -> String {
    let mut tags = String::new();
    for number in 0..count {
        let comma = if number == 0 { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(tags, r#"{comma}"{number:x}":0"#);
    }
    tags
}

pub(super) async fn many_documents(attacker: Attacker) {
    let count = attacker.sized(1_300_000);
    post(attacker, documents(&vec!["{}"; count].join(","))).await;
}

pub(super) async fn many_values(attacker: Attacker) {
    let numbers = vec!["0"; attacker.sized(2_000_000)].join(",");
    post(attacker, documents(&format!(r#"{{"tags":{{"a":[{numbers}]}}}}"#))).await;
}

pub(super) async fn many_keys(attacker: Attacker) {
    let tags = tags(attacker.sized(300_000));
    post(attacker, documents(&format!(r#"{{"tags":{{{tags}}}}}"#))).await;
}

pub(super) async fn deep_tags(attacker: Attacker) {
    let depth = attacker.sized(1_000_000);
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    post(attacker, documents(&format!(r#"{{"tags":{{"a":{open}{close}}}}}"#))).await;
}

pub(super) async fn deep_documents(attacker: Attacker) {
    let depth = attacker.sized(100_000);
    let (open, close) = (r#"{"chunks":["#.repeat(depth), "]}".repeat(depth));
    post(attacker, documents(&format!("{open}{close}"))).await;
}

pub(super) async fn many_parameters(attacker: Attacker) {
    let parameters = tags(attacker.sized(300_000));
    post(attacker, format!(r#"{{"execEndpoint":"/search","parameters":{{{parameters}}}}}"#)).await;
}

pub(super) async fn long_embedding(attacker: Attacker) {
    let numbers = vec!["0.5"; attacker.sized(1_000_000)].join(",");
    post(attacker, documents(&format!(r#"{{"embedding":[{numbers}]}}"#))).await;
}

pub(super) async fn long_text(attacker: Attacker) {
    let text = "text ".repeat(attacker.sized(1_600_000));
    post(attacker, documents(&format!(r#"{{"text":"{text}"}}"#))).await;
}

pub(super) async fn long_id(attacker: Attacker) {
    let id = "i".repeat(attacker.sized(8_000_000));
    post(attacker, documents(&format!(r#"{{"id":"{id}"}}"#))).await;
}

pub(super) async fn compressed_body(attacker: Attacker) {
    let body = grpc::gzip(&vec![b'0'; attacker.sized(40_000_000)]);
    attacker.send(CONNECTIONS, http1::request("/post", "content-encoding: gzip\r\n", &body)).await;
}

pub(super) async fn long_query(attacker: Attacker) {
    let query = vec!["text=a"; attacker.sized(20_000)].join("&");
    let head = http1::head("GET", &format!("/search?{query}"), "accept: text/event-stream\r\n");
    attacker.send(CONNECTIONS, head).await;
}

pub(super) async fn long_target(attacker: Attacker) {
    let pattern = "(a|b)*".repeat(attacker.sized(170_000));
    post(attacker, format!(r#"{{"execEndpoint":"/search","targetExecutor":"{pattern}","data":[{{}}]}}"#))
        .await;
}

pub(super) async fn regular_expressions(attacker: Attacker) {
    let pattern = "(a{100}){100}".repeat(attacker.sized(8_000));
    let filter = format!(r#"{{"id":{{"$regex":"{pattern}"}}}}"#);
    post(attacker, format!(r#"{{"execEndpoint":"/filter","parameters":{{"filter":{filter}}}}}"#)).await;
}
