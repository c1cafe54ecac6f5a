//! Sizes of JSON values and lists in memory, from which [`Document::memory_bytes`](crate::Document::memory_bytes) and
//! decoders compute how much a message occupies.
//!
//! The sizes include the headers, hashes and index tables of maps, which are most of the memory of many small values.

use serde_json::{Map, Value};

use crate::{DocarrayFields, NamedScore, Tags};

/// Share of one entry in the index table of a map, at the lowest load of a table.
const TABLE_BYTES: usize = 24;

/// Bytes of a map with at least one entry, without its entries.
const MAP_BYTES: usize = 64;

/// Bytes of an entry of an object, without its name and the content of its value.
pub(crate) const ENTRY_BYTES: usize = size_of::<(u64, String, Value)>() + TABLE_BYTES;

/// Bytes of a score and its name without their texts, in a map that doubles as it grows.
const SCORE_BYTES: usize = 2 * size_of::<(u64, String, NamedScore)>() + TABLE_BYTES;

/// Bytes of shared tags, without their entries.
const TAGS_BYTES: usize = size_of::<Tags>() + 2 * size_of::<usize>();

/// Bytes of an object. `entries` are the sizes of its entries, see [`entry_bytes`].
pub(crate) fn object_bytes(entries: impl Iterator<Item = usize>) -> usize {
    entries.fold(0, |sum, entry| if sum == 0 { MAP_BYTES + entry } else { sum + entry })
}

/// Bytes of an entry of an object. `content_bytes` is the memory that its value refers to.
pub(crate) fn entry_bytes(name: &str, content_bytes: usize) -> usize {
    ENTRY_BYTES + name.len() + content_bytes
}

/// Bytes of the tags of a document, from the bytes of their object; zero if there are no entries.
pub(crate) fn tags_bytes(object_bytes: usize) -> usize {
    if object_bytes == 0 { 0 } else { TAGS_BYTES + object_bytes }
}

/// Bytes of the scores of a document, from their number and the bytes of their texts.
pub(crate) fn scores_bytes(count: usize, texts: usize) -> usize {
    if count == 0 { 0 } else { MAP_BYTES + count * SCORE_BYTES + texts }
}

/// Bytes of the fields of [`DocarrayFields`], from those of the evaluations and of the metadata; zero if neither is set.
pub(crate) fn docarray_bytes(evaluations: usize, metadata: usize) -> usize {
    match evaluations + metadata {
        0 => 0,
        bytes => size_of::<DocarrayFields>() + 2 * size_of::<usize>() + bytes,
    }
}

/// Bytes of the texts of a score, with its name.
pub(crate) fn score_text_bytes(name: &str, score: &NamedScore) -> usize {
    name.len() + score.op_name.len() + score.description.len() + score.ref_id.len()
}

/// Bytes of an object with all its entries.
pub(crate) fn map_bytes(object: &Map<String, Value>) -> usize {
    object_bytes(object.iter().map(|(name, value)| entry_bytes(name, content_bytes(value))))
}

/// Bytes of memory that a value refers to, without the value itself.
fn content_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size_of::<Value>() + content_bytes(item)).sum(),
        Value::Object(entries) => map_bytes(entries),
    }
}
