//! The promises of the image family, kept from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect has failed"
)]

mod catalog;
mod clips;
mod composition;
mod crop;
mod decode;
mod describe;
mod fixtures;
mod flip;
mod hostile;
mod reader;
mod resize;
mod scale;
mod segment;
mod split;
mod stand_in;
