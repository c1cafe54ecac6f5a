//! Reading of files and URIs, and protection of the host's files and tokens.
//!
//! Everything that is read here is bounded in size; errors state the path or URI. URIs, which clients send in documents,
//! are also confined to the directories that the host declared ([`restrict_files_to`]); [`read_file`] and [`read_text`] read
//! any path, for files that the operator names. `clippy.toml` bans the unbounded functions (such as `std::fs::read`).
//! Decoders have bounds of their own and are defined with their formats.

mod binary_format;
mod confine;
mod error;
mod file;
mod hidden_variables;
mod uri;

pub use binary_format::BinaryFormat;
pub use confine::{allowed_directories, restrict_files_to};
pub use error::GuardError;
pub use file::{read_file, read_text, without_byte_order_mark};
pub use hidden_variables::{TOKEN_VARIABLE, hide_variables, remove_hidden_variables};
pub use uri::{OpenedUri, UriContent, open_uri, read_uri, read_uri_within_budget, resolve_uri};

/// Maximum size of an encoded image, clip or text of a document in bytes.
pub const CONTENT_BYTES_MAX: u64 = 256 << 20;
