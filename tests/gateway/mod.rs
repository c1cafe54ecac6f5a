//! The gateway, as its clients meet it.

mod captures;
mod messages;
mod services;
mod streams;
