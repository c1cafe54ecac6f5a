//! Documents as JSON, over HTTP and WebSocket.
//!
//! The shape is that of the SDK. Fields that flowrun's documents do not have are preserved by [`ExtraFields`]. A
//! client that sends every key of docarray's first schema, null where unset, gets every key back; other clients get the
//! keys that are set.

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, JsonError};
use flowrun_wire::{ExtraFields, KIND_NULL, KIND_TAGS};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Keys of docarray's first schema.
const KEYS: [&str; 19] = [
    "id",
    "parent_id",
    "granularity",
    "adjacency",
    "blob",
    "tensor",
    "mime_type",
    "text",
    "weight",
    "uri",
    "tags",
    "offset",
    "location",
    "embedding",
    "modality",
    "evaluations",
    "scores",
    "chunks",
    "matches",
];

/// Keys of the first schema in camel case, as protobuf's JSON form spells them.
const CAMEL_KEYS: [&str; 2] = ["parentId", "mimeType"];

/// Keys with which documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) enum KeySet {
    /// Keys of fields that are set.
    #[default]
    NonEmpty,
    /// All keys of the first schema, null for a field that is not set.
    All,
}

/// Reads documents, and infers the keys with which their replies are written.
///
/// # Errors
/// When a field has the wrong type.
pub(in crate::gateway) fn read_documents(values: &[Value]) -> Result<(Vec<Document>, KeySet), JsonError> {
    // Clients of the first schema always send this key, and requests written by hand do not have it.
    let all = values.first().is_some_and(|value| value.get("granularity").is_some());
    let documents = values.iter().map(read).collect::<Result<_, _>>()?;
    Ok((documents, if all { KeySet::All } else { KeySet::NonEmpty }))
}

fn read(value: &Value) -> Result<Document, JsonError> {
    let mut document = Document::from_json(value)?;
    let unknown = |key: &&String| !KEYS.contains(&key.as_str()) && !CAMEL_KEYS.contains(&key.as_str());
    let Some(object) = value.as_object().filter(|object| object.keys().any(|key| unknown(&key))) else {
        return Ok(document);
    };
    let mut fields = ExtraFields::default();
    // Unknown keys with a value are tags already; the kinds make them fields again in the reply.
    let tags = Arc::make_mut(&mut document.tags);
    for (name, value) in object.iter().filter(|(name, _)| unknown(name)) {
        if value.is_null() {
            fields.kinds.insert(name.clone(), KIND_NULL.into());
        } else if name.starts_with("__") {
            // Reserved for the kinds.
            tags.shift_remove(name);
        } else {
            fields.kinds.insert(name.clone(), kind(value).into());
        }
    }
    // A key that is sent with null or an empty value is returned like that, unless an executor sets the field.
    for name in KEYS {
        let kind = match object.get(name) {
            Some(Value::Null) => KIND_NULL,
            Some(Value::Object(entries)) if entries.is_empty() => "dict",
            Some(Value::Array(items)) if items.is_empty() => "list",
            _ => continue,
        };
        fields.kinds.insert(name.to_owned(), kind.into());
    }
    fields.write_to(tags);
    Ok(document)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => KIND_NULL,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// A document to be serialised as JSON.
pub(in crate::gateway) struct JsonDocument<'a> {
    document: &'a Document,
    keys: KeySet,
}

impl<'a> JsonDocument<'a> {
    /// Serialises `document` with these keys.
    pub(in crate::gateway) fn new(document: &'a Document, keys: KeySet) -> Self {
        Self { document, keys }
    }

    fn list(documents: &'a [Document], keys: KeySet) -> Vec<Self> {
        documents.iter().map(|document| Self { document, keys }).collect()
    }
}

impl Serialize for JsonDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (document, keys) = (self.document, self.keys);
        // A shallow copy: payloads are reference-counted.
        let mut own = Document { chunks: Documents::new(), matches: Documents::new(), ..document.clone() };
        let mut unknown: Map<String, Value> = Map::new();
        if let Some(fields) = ExtraFields::from_document(document) {
            let reclaimed = fields.take_from(Arc::make_mut(&mut own.tags));
            unknown.extend(reclaimed.into_iter().map(|(name, kind, value)| {
                let empty = match kind.as_str() {
                    KIND_TAGS | "dict" => Value::Object(Map::new()),
                    "list" => Value::Array(Vec::new()),
                    _ => Value::Null,
                };
                (name, value.unwrap_or(empty))
            }));
        }
        if keys == KeySet::All {
            unknown.extend(KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)));
        }
        let chunks = Self::list(&document.chunks, keys);
        let matches = Self::list(&document.matches, keys);
        for key in set_keys(&own, document) {
            unknown.shift_remove(key);
        }
        Whole { own: &own, chunks, matches, unknown }.serialize(serializer)
    }
}

/// The serialised parts of a document.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    own: &'a Document,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<JsonDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<JsonDocument<'a>>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// Keys that serde writes for the fields of a document that are set.
fn set_keys(own: &Document, whole: &Document) -> impl Iterator<Item = &'static str> {
    let set = [
        ("id", !own.id.is_empty()),
        ("parent_id", !own.parent_id.is_empty()),
        ("granularity", own.granularity > 0),
        ("adjacency", own.adjacency > 0),
        ("blob", own.blob.is_some()),
        ("tensor", own.tensor.is_some()),
        ("mime_type", !own.mime_type.is_empty()),
        ("text", own.text.is_some()),
        ("weight", own.weight.is_some()),
        ("uri", !own.uri.is_empty()),
        ("tags", !own.tags.is_empty()),
        ("offset", own.offset.is_some()),
        ("location", !own.location.is_empty()),
        ("embedding", own.embedding.is_some()),
        ("modality", !own.modality.is_empty()),
        ("scores", !own.scores.is_empty()),
        ("chunks", !whole.chunks.is_empty()),
        ("matches", !whole.matches.is_empty()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round_trip(value: &Value) -> Value {
        let (documents, keys) = read_documents(std::slice::from_ref(value)).unwrap();
        serde_json::to_value(JsonDocument::new(&documents[0], keys)).unwrap()
    }

    #[test]
    fn fields_of_the_second_schema_are_returned_as_sent() {
        let sent = json!({
            "id": "a", "text": "t", "tags": {"x": 1}, "price": 1.5, "count": 0, "flag": false, "names": ["p", null], "matches": [], "scores": {},
            "sub": {"a": 3}, "blob": null, "embedding": null, "empty": null,
        });
        assert_eq!(round_trip(&sent), sent);
        assert_eq!(read_documents(&[sent]).unwrap().0[0].tags["price"], 1.5);
    }

    #[test]
    fn a_client_that_sends_every_key_gets_every_key() {
        let sent: Map<String, Value> = KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
        let mut sent = Value::Object(sent);
        sent["id"] = "a".into();
        sent["embedding"] = json!([0.5, 2.0]);
        let mut nested = sent.clone();
        nested["scores"] = json!({"cosine": {"value": 0.5}});
        sent["matches"] = json!([nested]);
        assert_eq!(round_trip(&sent), sent);
    }

    #[test]
    fn unset_fields_are_omitted() {
        assert_eq!(round_trip(&json!({"text": "t", "uri": null})), json!({"text": "t"}));
    }
}
