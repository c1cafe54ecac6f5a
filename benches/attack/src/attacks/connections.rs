//! Connections that send little or nothing, and bodies that are announced and do not arrive.

use std::time::Duration;

use crate::attack::Attacker;
use crate::wire::http1::{announcing, head};

/// Largest message that flowrun accepts.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

pub(super) async fn silent_50(attacker: Attacker) {
    attacker.send(50, "").await;
}

pub(super) async fn silent_1000(attacker: Attacker) {
    let connections = attacker.sized(1000);
    attacker.send(connections, "").await;
}

pub(super) async fn one_peer(attacker: Attacker) {
    let connections = attacker.sized(6000);
    attacker.send(connections, "").await;
}

pub(super) async fn churn(attacker: Attacker) {
    attacker.swarm(64, |attacker| async move { attacker.connect().await.map(drop) }).await;
}

pub(super) async fn slow_heads(attacker: Attacker) {
    let connections = attacker.sized(1000);
    attacker.trickle(connections, b"POST /post HTTP/1.1\r\nx-slow: ", b'x', Duration::from_secs(1)).await;
}

pub(super) async fn endless_heads(attacker: Attacker) {
    let lines = b"x-endless: and so on\r\n".repeat(1000);
    attacker.flood(64, b"POST /post HTTP/1.1\r\n", lines, true).await;
}

async fn announced(attacker: Attacker, connections: usize) {
    attacker.send(connections, format!("{}{{", announcing(MESSAGE_BYTES_MAX))).await;
}

pub(super) async fn announced_4(attacker: Attacker) {
    announced(attacker, 4).await;
}

pub(super) async fn announced_64(attacker: Attacker) {
    announced(attacker, 64).await;
}

pub(super) async fn announced_1000(attacker: Attacker) {
    let connections = attacker.sized(1000);
    announced(attacker, connections).await;
}

pub(super) async fn slow_bodies(attacker: Attacker) {
    let start = announcing(1 << 20);
    attacker.trickle(64, start.as_bytes(), b' ', Duration::from_millis(100)).await;
}

pub(super) async fn chunked_bodies(attacker: Attacker) {
    let start = head("POST", "/post", "transfer-encoding: chunked\r\n");
    attacker.flood(64, start.as_bytes(), b"1\r\n \r\n".repeat(1000), true).await;
}
