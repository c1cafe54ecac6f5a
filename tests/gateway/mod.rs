//! The gateway, as its clients meet it.

mod captures;
mod http;
mod http_captures;
mod messages;
mod overload;
mod services;
mod streams;
mod tls;
mod traces;
mod websocket;
mod websocket_captures;
