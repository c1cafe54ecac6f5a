//! Documents as JSON, for HTTP and for WebSockets that speak it.
//!
//! The shape is the SDK's. Fields that documents of ours do not have are kept as in the SDK's [`ExtraFields`]. A client that
//! sends every key of docarray's first schema, null where unset, gets every key back; others get what is set.

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, JsonError};
use flowrun_wire::{ExtraFields, KIND_NULL, KIND_TAGS};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Every key of docarray's first schema.
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

/// The same keys as others spell them.
const CAMEL_KEYS: [&str; 2] = ["parentId", "mimeType"];

/// How documents are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// What is set.
    #[default]
    Set,
    /// Every key of the first schema, null where it is not set.
    Every,
}

/// The documents that JSON objects stand for, and how to write those that answer them.
pub(crate) fn read_documents(values: &[Value]) -> Result<(Vec<Document>, Form), JsonError> {
    // Nobody writes this key by hand, and the clients of the first schema always send it.
    let every = values.first().is_some_and(|value| value.get("granularity").is_some());
    let documents = values.iter().map(read).collect::<Result<_, _>>()?;
    Ok((documents, if every { Form::Every } else { Form::Set }))
}

fn read(value: &Value) -> Result<Document, JsonError> {
    let mut document = Document::from_json(value)?;
    let unknown = |key: &&String| !KEYS.contains(&key.as_str()) && !CAMEL_KEYS.contains(&key.as_str());
    let Some(object) = value.as_object().filter(|object| object.keys().any(|key| unknown(&key))) else {
        return Ok(document);
    };
    let mut fields = ExtraFields::default();
    let tags = Arc::make_mut(&mut document.tags);
    for (name, value) in object.iter().filter(|(name, _)| unknown(name)) {
        if value.is_null() {
            fields.kinds.insert(name.clone(), KIND_NULL.into());
        } else if !tags.contains_key(name) && !name.starts_with("__") {
            fields.kinds.insert(name.clone(), kind(value).into());
            tags.insert(name.clone(), value.clone());
        }
    }
    // A key that came without a value, or with an empty one, goes back like that, if nothing sets it.
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

/// A document that is written as JSON.
pub(crate) struct JsonDocument<'a> {
    document: &'a Document,
    form: Form,
}

impl<'a> JsonDocument<'a> {
    /// `document`, to be written in that form.
    pub(crate) fn new(document: &'a Document, form: Form) -> Self {
        Self { document, form }
    }

    fn list(documents: &'a [Document], form: Form) -> Vec<Self> {
        documents.iter().map(|document| Self { document, form }).collect()
    }
}

impl Serialize for JsonDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (document, form) = (self.document, self.form);
        // Payloads are shared, so the copy is a shallow one.
        let mut own = Document { chunks: Documents::new(), matches: Documents::new(), ..document.clone() };
        let mut others: Map<String, Value> = Map::new();
        if let Some(fields) = ExtraFields::from_document(document) {
            let reclaimed = fields.take_from(Arc::make_mut(&mut own.tags));
            others.extend(reclaimed.into_iter().map(|(name, kind, value)| {
                let empty = match kind.as_str() {
                    KIND_TAGS | "dict" => Value::Object(Map::new()),
                    "list" => Value::Array(Vec::new()),
                    _ => Value::Null,
                };
                (name, value.unwrap_or(empty))
            }));
        }
        if form == Form::Every {
            others.extend(KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)));
        }
        let chunks = Self::list(&document.chunks, form);
        let matches = Self::list(&document.matches, form);
        for key in set_keys(&own, document) {
            others.shift_remove(key);
        }
        Whole { own: &own, chunks, matches, others }.serialize(serializer)
    }
}

/// The parts of a document as it is written.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    own: &'a Document,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<JsonDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<JsonDocument<'a>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The keys that a document is written with of its own accord.
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

    fn there_and_back(value: &Value) -> Value {
        let (documents, form) = read_documents(std::slice::from_ref(value)).unwrap();
        serde_json::to_value(JsonDocument::new(&documents[0], form)).unwrap()
    }

    #[test]
    fn fields_of_the_second_schema_come_back_as_they_came() {
        let sent = json!({
            "id": "a", "text": "t", "tags": {"x": 1}, "price": 1.5, "count": 0, "flag": false, "names": ["p", null], "matches": [], "scores": {},
            "sub": {"a": 3}, "blob": null, "embedding": null, "empty": null,
        });
        assert_eq!(there_and_back(&sent), sent);
        assert_eq!(read_documents(&[sent]).unwrap().0[0].tags["price"], 1.5);
    }

    #[test]
    fn whoever_sends_every_key_gets_every_key() {
        let sent: Map<String, Value> = KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
        let mut sent = Value::Object(sent);
        sent["id"] = "a".into();
        sent["embedding"] = json!([0.5, 2.0]);
        let mut below = sent.clone();
        below["scores"] = json!({"cosine": {"value": 0.5}});
        sent["matches"] = json!([below]);
        assert_eq!(there_and_back(&sent), sent);
    }

    #[test]
    fn what_is_not_set_is_left_out() {
        assert_eq!(there_and_back(&json!({"text": "t", "uri": null})), json!({"text": "t"}));
    }
}
