//! Requests that a browser sends on behalf of a page of another origin. Without the checks of the gateway they would empty
//! the index.

use crate::attack::Attacker;
use crate::wire::http1::{head, request};
use crate::wire::websocket::{TEXT, connect, frame};

/// Header line of requests of a page of another origin.
const FOREIGN: &str = "origin: http://evil.example\r\n";

/// A request that empties the index, as JSON in any protocol.
const CLEAR: &[u8] = br#"{"execEndpoint":"/clear","exec_endpoint":"/clear","data":[{"id":"a"}]}"#;

pub(super) async fn cross_origin_posts(attacker: Attacker) {
    attacker.send(4, request("/clear", FOREIGN, CLEAR)).await;
}

pub(super) async fn images(attacker: Attacker) {
    let lines = "connection: close\r\nsec-fetch-site: cross-site\r\nsec-fetch-dest: image\r\n";
    attacker.send(4, head("GET", "/clear?text=a", lines)).await;
}

pub(super) async fn rebound_names(attacker: Attacker) {
    let request = request("/clear", "", CLEAR);
    let request = String::from_utf8_lossy(&request).replacen("host: localhost", "host: evil.example", 1);
    attacker.send(4, request).await;
}

pub(super) async fn cross_origin_websockets(attacker: Attacker) {
    let session = |attacker: Attacker| async move {
        let mut connection = connect(&attacker, FOREIGN).await?;
        connection.send(&frame(TEXT, true, CLEAR)).await?;
        connection.discard().await
    };
    attacker.swarm(4, session).await;
}
