//! WebSocket handshakes and frames of a client.

use std::io;

use super::http1::head;
use crate::attack::Attacker;
use crate::wire::connection::Connection;

/// Operation codes of frames.
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const PING: u8 = 9;

/// Bit that marks the last frame of a message; in the second byte of a frame, the same bit marks a masked payload.
const LAST: u8 = 0x80;

/// Head of an upgrade request with these additional header lines, each with CR LF at its end.
pub(crate) fn upgrade(lines: &str) -> String {
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    head("GET", "/", &format!("{upgrade}{lines}"))
}

/// Opens a connection and performs the handshake with these additional header lines.
pub(crate) async fn connect(attacker: &Attacker, lines: &str) -> io::Result<Connection> {
    let mut connection = attacker.connect().await?;
    connection.send(upgrade(lines).as_bytes()).await?;
    connection.response_head().await?;
    Ok(connection)
}

/// Beginning of a frame that announces `length` bytes; its mask is zero, so that the payload follows as it is.
pub(crate) fn start(operation: u8, is_last: bool, length: usize) -> Vec<u8> {
    let mut bytes = vec![if is_last { operation | LAST } else { operation }];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..126), _) => bytes.push(LAST | short),
        (_, Ok(medium)) => {
            bytes.push(LAST | 126);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(LAST | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// A complete frame.
pub(crate) fn frame(operation: u8, is_last: bool, payload: &[u8]) -> Vec<u8> {
    [&start(operation, is_last, payload.len()), payload].concat()
}
