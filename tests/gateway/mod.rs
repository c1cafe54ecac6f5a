//! The gateway, as its clients meet it.

mod captures;
mod http;
mod messages;
mod services;
mod streams;
mod tls;
mod websocket;
