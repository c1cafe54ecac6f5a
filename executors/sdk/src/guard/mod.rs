//! The door for bytes that nobody vouches for: files and URIs that documents name.
//!
//! Everything that comes in here is bounded in size, and every error names what it was about. `clippy.toml` bans
//! the other doors (`std::fs::read` and its kin). Decoders have bounds of their own and live beside their formats.

mod confine;
mod file;
mod uri;

pub use confine::{allowed_directories, restrict_files_to};
pub use file::{GuardError, read_file, read_text};
pub use uri::{UriContent, read_uri, read_uri_within_budget, resolve_uri};

/// The largest encoded image, clip or text that is read for a document, in bytes.
pub const CONTENT_BYTES_MAX: u64 = 256 << 20;
