//! The gateway over its protocols: gRPC, HTTP, WebSocket, TLS and trace export.

mod browsers;
mod captures;
mod conversation_fuzz;
mod decoding;
mod hostile;
mod http;
mod http_captures;
mod messages;
mod overload;
mod roles;
mod services;
mod streams;
mod tls;
mod traces;
mod unread;
mod websocket;
mod websocket_captures;
