//! Words of the formats that several fuzzers try.

/// Keys of documents as JSON, and one of a tag.
pub const DOCUMENT_KEYS: [&str; 14] = [
    "id",
    "text",
    "blob",
    "tensor",
    "embedding",
    "tags",
    "scores",
    "chunks",
    "matches",
    "location",
    "weight",
    "mimeType",
    "uri",
    "a",
];
