//! Asks a flow that is served somewhere: flowrun's gateway or Jina's, over gRPC.
//!
//! A [`Client`] is a connection. It asks request by request ([`Client::ask`]), or in a [`Conversation`], a stream with
//! many requests under way, whose replies come when they are ready. Deliberately not here: trying again. Who asks
//! knows whether a request may be asked twice; the error says whether the flow ever saw it.

mod connection;
mod conversation;
mod error;
mod load;

pub use connection::Client;
pub use conversation::Conversation;
pub use error::ClientError;
pub use load::{Load, Measured, Pace};
