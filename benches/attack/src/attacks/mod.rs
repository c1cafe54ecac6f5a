//! The table of attacks. Each row names its group, which is a module, and its function in that module.

mod browsers;
mod connections;
mod control;
mod http2;
mod json;
mod protobuf;
mod readers;
mod websocket;

use crate::attack::Attack;

/// Converts the optional text of a row to an `Option`.
macro_rules! optional {
    () => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! table {
    ($($group:ident::$name:ident: $sends:literal, bound $bound:literal $(, open $open:literal)?;)+) => {
        /// Every attack.
        pub const ATTACKS: &[Attack] = &[$(Attack {
            group: stringify!($group),
            name: concat!(stringify!($group), "::", stringify!($name)),
            sends: $sends,
            bound: $bound,
            open: optional!($($open)?),
            run: |attacker| Box::pin($group::$name(attacker)),
        }),+];
    };
}

table! {
    connections::silent_50: "50 connections without a byte", bound "first byte within 30 s";
    connections::silent_1000: "1,000 connections without a byte", bound "first byte within 30 s";
    connections::one_peer: "6,000 connections of one peer", bound "5,000 per peer";
    connections::churn: "connections that are closed at once", bound "none needed";
    connections::slow_heads: "1,000 heads, one byte per second", bound "head within 30 s";
    connections::endless_heads: "64 heads that do not end", bound "bytes of a head";
    connections::announced_4: "4 bodies of 256 MiB announced, 1 byte sent", bound "bytes are charged as they arrive";
    connections::announced_64: "64 bodies of 256 MiB announced, 1 byte sent", bound "bytes are charged as they arrive";
    connections::announced_1000: "1,000 bodies of 256 MiB announced, 1 byte sent", bound "bytes are charged as they arrive";
    connections::slow_bodies: "64 bodies, 10 bytes per second", bound "240 B/s after 5 s";
    connections::chunked_bodies: "64 endless bodies in chunks of 1 byte", bound "240 B/s after 5 s";

    json::many_documents: "1.3 million documents `{}`", bound "10,000 documents";
    json::many_values: "a tag with 2 million numbers", bound "bytes of a request";
    json::many_keys: "300,000 tags", bound "bytes of a request";
    json::deep_tags: "a tag nested a million times", bound "depth";
    json::deep_documents: "chunks nested 100,000 times", bound "depth";
    json::many_parameters: "300,000 parameters", bound "bytes of a request";
    json::long_embedding: "an embedding of 1 million numbers", bound "bytes of a request";
    json::long_text: "a text of 8 MB", bound "bytes of a request";
    json::long_id: "an id of 8 MB", bound "bytes of a request";
    json::compressed_body: "40 MB of zeros as 40 kB of gzip", bound "ratio of decompression";
    json::long_query: "`GET` with 20,000 parameters", bound "bytes of a head";
    json::long_target: "`target_executor` of 1 MB", bound "length of a pattern";
    json::regular_expressions: "`$regex` of 100 kB", bound "size of a compiled pattern";

    protobuf::routes: "2 million routes, 4 MB", bound "unused fields are skipped";
    protobuf::gzip_routes: "20 million routes as 39 kB of gzip", bound "ratio of decompression";
    protobuf::deflate_routes: "20 million routes as 39 kB of deflate", bound "ratio of decompression";
    protobuf::gzip_unknown_fields: "a document and 20 million unknown fields, gzip", bound "unknown fields are skipped";
    protobuf::gzip_text: "a text of 200 MB as 200 kB of gzip", bound "ratio of decompression";
    protobuf::many_documents: "2 million documents", bound "10,000 documents";
    protobuf::many_requests: "a list of 2 million requests", bound "requests of a list";
    protobuf::many_matches: "a document with 1 million matches", bound "documents of a request";
    protobuf::deep_documents: "chunks nested 100,000 times", bound "depth";
    protobuf::many_tags: "a document with 300,000 tags", bound "bytes of a request";
    protobuf::many_values: "a tag with a list of 1 million values", bound "bytes of a request";
    protobuf::deep_tags: "a tag nested 5,000 times", bound "depth";
    protobuf::many_parameters: "300,000 parameters", bound "bytes of a request";
    protobuf::huge_tensor: "a tensor of 2^62 elements without data", bound "data must match the shape";
    protobuf::long_request_id: "a request id of 4 MB", bound "bytes of a request";
    protobuf::stream_of_routes: "routes of 4 MB, again and again on one stream", bound "bytes of a stream";
    protobuf::unfinished_messages: "64 messages of 256 MiB announced, 1 kB sent", bound "bytes are charged as they arrive";

    control::unfinished_checks: "health checks that announce 50 MB and send them slowly", bound "4 kB";
    control::long_checks: "health checks of 50 MB", bound "4 kB";
    control::compressed_checks: "a health check of 40 MB as 40 kB of gzip", bound "no compression";
    control::watches: "1,000 health watches", bound "streams of a connection";
    control::reflection: "endless reflection requests on 64 streams", bound "one reply at a time";
    control::unread_reflection: "endless reflection requests, replies unread", bound "one reply at a time";
    control::dry_runs: "dry runs, discovery and info, 64 at a time", bound "none needed";

    http2::rapid_reset: "calls that are reset at once", bound "pending resets";
    http2::pings: "pings, replies unread", bound "unwritten replies";
    http2::settings: "settings, acknowledgements unread", bound "unwritten replies";
    http2::priorities: "priorities of streams that do not exist", bound "none needed";
    http2::empty_data: "empty data frames", bound "none needed";
    http2::window_updates: "window updates of 1 byte", bound "none needed";
    http2::endless_headers: "headers that are continued without end", bound "bytes of a head";
    http2::repeated_headers: "4,000 references to a header of 4 kB", bound "bytes of a head";
    http2::closed_windows: "1,000 searches whose replies have no window", bound "unwritten replies";

    websocket::unread_pings: "pings, pongs unread", bound "unwritten replies";
    websocket::unfinished_frames: "16 frames of 100 MB, sent at 1 MB/s", bound "bytes are charged as they arrive";
    websocket::unfinished_messages: "16 messages that continue without end", bound "256 MiB of a message";
    websocket::empty_fragments: "empty fragments", bound "none needed";
    websocket::empty_messages: "empty messages", bound "none needed";
    websocket::unread_replies: "searches, replies unread", bound "unwritten replies";
    websocket::many_documents: "messages of 1.3 million documents", bound "10,000 documents";
    websocket::idle: "1,000 sessions without a message", bound "connections";

    readers::pipelined_probes: "pipelined `GET /live`, replies unread", bound "unwritten replies";
    readers::unread_texts: "64 requests of 4 MB, replies unread", bound "16 kB of a reply in 5 s";
    readers::unread_logs: "1,000 readers of the log who do not read", bound "200 lines each";
    readers::unread_events: "64 event streams of 4 MB, unread", bound "a part of a stream within 60 s";
    readers::remembered_pages: "300 results of a page with URIs of 1 MB", bound "bytes of remembered documents";
    readers::thumbnails: "thumbnails of documents that are not shown", bound "none needed";

    browsers::cross_origin_posts: "`POST /clear` of a page elsewhere", bound "`Origin` is checked";
    browsers::images: "`GET /clear` as the address of an image", bound "`GET` changes nothing";
    browsers::rebound_names: "`POST /clear` with the name of another host", bound "`Host` is checked";
    browsers::cross_origin_websockets: "`/clear` by WebSocket from a page elsewhere", bound "`Origin` is checked";
}
