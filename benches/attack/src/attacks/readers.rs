//! Clients that do not read replies, and requests that fill the memory of documents that the search page has shown (see
//! `SHOWN_BYTES_MAX` in `src/limits.rs`).

use std::io;

use crate::attack::Attacker;
use crate::wire::http1;

/// Sends `requests` on each of this number of connections, and reads nothing.
async fn unread(attacker: Attacker, connections: usize, requests: Vec<u8>) {
    let session = move |attacker: Attacker| {
        let requests = requests.clone();
        async move {
            let mut connection = attacker.connect().await?;
            connection.send(&requests).await?;
            std::future::pending::<io::Result<()>>().await
        }
    };
    attacker.swarm(connections, session).await;
}

pub(super) async fn pipelined_probes(attacker: Attacker) {
    let probes = http1::head("GET", "/live", "").repeat(1000);
    attacker.flood(16, b"", probes.into_bytes(), false).await;
}

/// Body of a request whose document, a long text, is returned unchanged.
fn echo(attacker: &Attacker) -> String {
    format!(r#"{{"execEndpoint":"/x","data":[{{"text":"{}"}}]}}"#, "text ".repeat(attacker.sized(800_000)))
}

pub(super) async fn unread_texts(attacker: Attacker) {
    let request = http1::request("/post", "", echo(&attacker).as_bytes());
    let connections = attacker.sized(64);
    unread(attacker, connections, request).await;
}

pub(super) async fn unread_logs(attacker: Attacker) {
    let connections = attacker.sized(1000);
    unread(attacker, connections, http1::head("GET", "/dashboard/log", "").into()).await;
}

pub(super) async fn unread_events(attacker: Attacker) {
    let body = format!(r#"{{"text":"{}"}}"#, "text ".repeat(attacker.sized(800_000)));
    let lines = format!(
        "accept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let connections = attacker.sized(64);
    unread(attacker, connections, (http1::head("GET", "/search", &lines) + &body).into()).await;
}

pub(super) async fn remembered_pages(attacker: Attacker) {
    let uri = "u".repeat(1_000_000);
    let count = attacker.sized(300);
    let session = move |attacker: Attacker| {
        let uri = uri.clone();
        async move {
            for number in 0..count {
                let found = format!(r#"{{"id":"{number}","uri":"{uri}"}}"#);
                let body = format!(r#"{{"execEndpoint":"/x","data":[{{"id":"q","matches":[{found}]}}]}}"#);
                let request = http1::request("/post", "x-flowrun-page: 1\r\n", body.as_bytes());
                let mut connection = attacker.connect().await?;
                connection.send(&request).await?;
                connection.discard().await?;
            }
            Ok(())
        }
    };
    attacker.swarm(2, session).await;
}

pub(super) async fn thumbnails(attacker: Attacker) {
    let request = http1::head("GET", "/thumbnail?id=nothing", "connection: close\r\n");
    attacker.send(16, request).await;
}
