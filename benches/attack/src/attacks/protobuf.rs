//! gRPC messages that are large, deeply nested, unfinished, or small on the wire and large when they are decompressed or
//! decoded. The table `ATTACKS` describes each.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::BodyExt as _;

use crate::attack::Attacker;
use crate::wire::grpc::{Channel, Encoding, LIST, STREAM, UNARY, chunks, message, prefixed};
use crate::wire::protobuf::{empty, field, list, nested, request, structure};

/// Number of connections that send the message concurrently.
const CONNECTIONS: usize = 4;

/// Endpoint that no executor handles: documents pass unchanged.
const PASS: &str = "/x";

/// Field numbers of `DataRequestProto` (`proto/jina.proto`).
const ROUTES: u32 = 3;
const PARAMETERS: u32 = 2;

/// Field numbers of `DocumentProto` (`proto/docarray.proto`).
const TEXT: u32 = 4;
const CHUNKS: u32 = 14;
const MATCHES: u32 = 15;
const TENSOR: u32 = 3;
const TAGS: u32 = 17;

/// Field number that `DocumentArrayProto` does not have.
const UNKNOWN: u32 = 15;

/// Calls the gRPC method `path` with the message `content` repeatedly, compressed by `encoding`.
pub(super) async fn call(attacker: Attacker, path: &'static str, encoding: Encoding, content: Vec<u8>) {
    let message = message(encoding, &content);
    drop(content);
    let session = move |attacker: Attacker| {
        let message = message.clone();
        async move {
            let mut channel = Channel::over(attacker.connect().await?.into_stream()?).await?;
            loop {
                let traffic = Arc::clone(&attacker.traffic);
                let chunks = chunks(message.clone()).inspect(move |chunk| traffic.sent(chunk.len()));
                channel.unary(path, encoding, chunks).await?;
            }
        }
    };
    attacker.swarm(CONNECTIONS, session).await;
}

/// Sends one document with these encoded fields.
async fn document(attacker: Attacker, encoding: Encoding, fields: Vec<u8>) {
    call(attacker, UNARY, encoding, request(PASS, &field(1, fields), &[])).await;
}

fn message_of_routes(attacker: &Attacker, count: usize) -> Vec<u8> {
    request(PASS, &[], &empty(ROUTES).repeat(attacker.sized(count)))
}

pub(super) async fn routes(attacker: Attacker) {
    let message = message_of_routes(&attacker, 2_000_000);
    call(attacker, UNARY, Encoding::Identity, message).await;
}

pub(super) async fn gzip_routes(attacker: Attacker) {
    let message = message_of_routes(&attacker, 20_000_000);
    call(attacker, UNARY, Encoding::Gzip, message).await;
}

pub(super) async fn deflate_routes(attacker: Attacker) {
    let message = message_of_routes(&attacker, 20_000_000);
    call(attacker, UNARY, Encoding::Deflate, message).await;
}

pub(super) async fn gzip_unknown_fields(attacker: Attacker) {
    let fields = empty(UNKNOWN).repeat(attacker.sized(20_000_000));
    call(attacker, UNARY, Encoding::Gzip, request(PASS, &[empty(1), fields].concat(), &[])).await;
}

pub(super) async fn gzip_text(attacker: Attacker) {
    let text = vec![b'a'; attacker.sized(200_000_000)];
    document(attacker, Encoding::Gzip, field(TEXT, text)).await;
}

pub(super) async fn many_documents(attacker: Attacker) {
    let documents = empty(1).repeat(attacker.sized(2_000_000));
    call(attacker, UNARY, Encoding::Identity, request(PASS, &documents, &[])).await;
}

pub(super) async fn many_requests(attacker: Attacker) {
    let requests = empty(1).repeat(attacker.sized(2_000_000));
    call(attacker, LIST, Encoding::Identity, requests).await;
}

pub(super) async fn many_matches(attacker: Attacker) {
    let matches = empty(MATCHES).repeat(attacker.sized(1_000_000));
    document(attacker, Encoding::Identity, matches).await;
}

pub(super) async fn deep_documents(attacker: Attacker) {
    let chunks = nested(CHUNKS, attacker.sized(100_000));
    document(attacker, Encoding::Identity, chunks).await;
}

pub(super) async fn many_tags(attacker: Attacker) {
    let tags = field(TAGS, structure(attacker.sized(300_000)));
    document(attacker, Encoding::Identity, tags).await;
}

pub(super) async fn many_values(attacker: Attacker) {
    let entry = [field(1, "a"), field(2, list(attacker.sized(1_000_000)))].concat();
    document(attacker, Encoding::Identity, field(TAGS, field(1, entry))).await;
}

pub(super) async fn deep_tags(attacker: Attacker) {
    // Each level is a Value whose list (field 6) holds one Value (field 1). `nested` repeats a single field number, so these
    // levels are built in a loop.
    let mut value = Vec::new();
    for _ in 0..attacker.sized(5_000) {
        value = field(6, field(1, value));
    }
    let entry = [field(1, "a"), field(2, value)].concat();
    document(attacker, Encoding::Identity, field(TAGS, field(1, entry))).await;
}

pub(super) async fn many_parameters(attacker: Attacker) {
    let parameters = field(PARAMETERS, structure(attacker.sized(300_000)));
    call(attacker, UNARY, Encoding::Identity, request("/search", &[], &parameters)).await;
}

pub(super) async fn huge_tensor(attacker: Attacker) {
    // The packed shape [2^31, 2^31].
    let shape = field(2, [0x80, 0x80, 0x80, 0x80, 8, 0x80, 0x80, 0x80, 0x80, 8]);
    let dense = field(1, [shape, field(3, "<f4")].concat());
    document(attacker, Encoding::Identity, field(TENSOR, dense)).await;
}

pub(super) async fn long_request_id(attacker: Attacker) {
    let id = vec![b'i'; attacker.sized(4_000_000)];
    call(attacker, UNARY, Encoding::Identity, field(1, field(1, id))).await;
}

pub(super) async fn stream_of_routes(attacker: Attacker) {
    let message = message(Encoding::Identity, &message_of_routes(&attacker, 2_000_000));
    send_stream(attacker, STREAM, CONNECTIONS, move || stream::repeat(message.clone())).await;
}

pub(super) async fn unfinished_messages(attacker: Attacker) {
    let start = prefixed(0, 256 << 20, &[0; 1024]);
    let chunks = move || stream::iter([start.clone()]).chain(stream::pending());
    send_stream(attacker, UNARY, 64, chunks).await;
}

/// Calls the gRPC method `path` on each of this number of connections, with `chunks` as the request body, and reads the
/// replies.
pub(super) async fn send_stream<S: Stream<Item = Bytes> + Send + 'static>(
    attacker: Attacker,
    path: &'static str,
    connections: usize,
    chunks: impl Fn() -> S + Clone + Send + 'static,
) {
    let session = move |attacker: Attacker| {
        let chunks = chunks();
        async move {
            let mut channel = Channel::over(attacker.connect().await?.into_stream()?).await?;
            let chunks = chunks.inspect(move |chunk| attacker.traffic.sent(chunk.len()));
            let response = channel.call(path, Encoding::Identity, chunks).await?;
            response.into_body().collect().await.map(drop).map_err(io::Error::other)
        }
    };
    attacker.swarm(connections, session).await;
}
