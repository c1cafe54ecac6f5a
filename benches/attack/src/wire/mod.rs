//! Bytes on the wire, valid and invalid: connections, HTTP/1.1 heads, HTTP/2 frames, gRPC messages, WebSocket frames.

pub(crate) mod connection;
pub(crate) mod grpc;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod protobuf;
pub(crate) mod websocket;
