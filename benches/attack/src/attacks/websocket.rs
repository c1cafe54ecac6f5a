//! WebSocket frames and messages that do not end, have no content, or are answered while the client does not read; and
//! sessions without messages.

use std::time::Duration;

use crate::attack::Attacker;
use crate::wire::websocket::{BINARY, CONTINUATION, PING, TEXT, connect, frame, start, upgrade};

/// Connections of a flood.
const CONNECTIONS: usize = 16;

/// Frames that are written together.
const FRAMES: usize = 1000;

/// Sends the handshake and `first` once and then `repeated` repeatedly on each connection.
async fn flood(attacker: Attacker, first: Vec<u8>, repeated: Vec<u8>, reads: bool) {
    let handshake = [upgrade("").as_bytes(), &first].concat();
    attacker.flood(CONNECTIONS, &handshake, repeated, reads).await;
}

pub(super) async fn unread_pings(attacker: Attacker) {
    flood(attacker, Vec::new(), frame(PING, true, &[0; 125]).repeat(FRAMES), false).await;
}

pub(super) async fn unfinished_frames(attacker: Attacker) {
    let session = |attacker: Attacker| async move {
        let mut connection = connect(&attacker, "").await?;
        connection.send(&start(BINARY, true, 100_000_000)).await?;
        loop {
            connection.send(&[0; 100_000]).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    attacker.swarm(CONNECTIONS, session).await;
}

pub(super) async fn unfinished_messages(attacker: Attacker) {
    let fragment = frame(CONTINUATION, false, &[0; 10_000]);
    flood(attacker, frame(BINARY, false, &[]), fragment.repeat(10), true).await;
}

pub(super) async fn empty_fragments(attacker: Attacker) {
    let fragments = frame(CONTINUATION, false, &[]).repeat(FRAMES);
    flood(attacker, frame(BINARY, false, &[]), fragments, true).await;
}

pub(super) async fn empty_messages(attacker: Attacker) {
    flood(attacker, Vec::new(), frame(TEXT, true, &[]).repeat(FRAMES), true).await;
}

pub(super) async fn unread_replies(attacker: Attacker) {
    let search = frame(TEXT, true, br#"{"exec_endpoint":"/search","data":[{"text":"word1 word2"}]}"#);
    flood(attacker, Vec::new(), search.repeat(FRAMES), false).await;
}

pub(super) async fn many_documents(attacker: Attacker) {
    let documents = vec!["{}"; attacker.sized(1_300_000)].join(",");
    let message = format!(r#"{{"exec_endpoint":"/x","data":[{documents}]}}"#);
    flood(attacker, Vec::new(), frame(TEXT, true, message.as_bytes()), true).await;
}

pub(super) async fn idle(attacker: Attacker) {
    let connections = attacker.sized(1000);
    attacker.send(connections, upgrade("")).await;
}
