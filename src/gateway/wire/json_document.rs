//! Documents as JSON, over HTTP and WebSocket.
//!
//! The form of a request's documents is inferred ([`DocumentForm`]), and its reply has the same. Fields that flowrun's
//! documents do not have are kept as tags, and [`ExtraFields`] records how to write them again. Documents of docarray's
//! second schema are read like those that arrive over gRPC: see [`schema2`](super::schema2).

use std::io::{self, Write as _};
use std::sync::Arc;

use flowrun_sdk::{Document, JsonError};
use flowrun_wire::{DocumentFields, ExtraFields, FieldJson, KIND_NULL, RecordedFields, Schema};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::charged_buffer::ChargedBuffer;
use super::schema2;
use crate::gateway::bytes_permit::BytesPermit;

/// Keys of documents in docarray's first schema.
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

/// Other keys of the first schema, which clients send only if they have a value, or in camel case, as protobuf's JSON form spells
/// them.
const OTHER_KEYS: [&str; 3] = ["_metadata", "parentId", "mimeType"];

/// Form of documents in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) enum DocumentForm {
    /// Only the keys of fields that are set, as in requests written by hand. Bytes are in base64.
    #[default]
    SetKeys,
    /// All keys of docarray's first schema, null for a field that is not set. Bytes are in base64.
    AllKeys,
    /// docarray's second schema: the fields of a class that the user defines. Bytes are text, scores are numbers.
    Schema2,
}

impl DocumentForm {
    /// Infers the form of a document that is sent without `jina.Client`'s header.
    pub(in crate::gateway) fn infer(document: &Value) -> Self {
        // Clients of the first schema always send this key, and requests written by hand do not have it.
        let all = document.get("granularity").is_some();
        if all { Self::AllKeys } else { Self::SetKeys }
    }

    /// Schema of a client that sends this form; `None` for requests written by hand.
    pub(in crate::gateway) fn schema(self) -> Option<Schema> {
        match self {
            Self::SetKeys => None,
            Self::AllKeys => Some(Schema::V1),
            Self::Schema2 => Some(Schema::V2),
        }
    }
}

/// Reads a document of the form `form`.
///
/// # Errors
/// When a field has the wrong type or is nested too deeply.
pub(in crate::gateway) fn read_one(value: &Value, form: DocumentForm) -> Result<Document, JsonError> {
    match form {
        DocumentForm::Schema2 => schema2::read_document(value),
        DocumentForm::SetKeys | DocumentForm::AllKeys => read_document(value),
    }
}

fn read_document(value: &Value) -> Result<Document, JsonError> {
    let mut document = Document::from_json_known_keys(value)?;
    record_unknown(&mut document, value)?;
    Ok(document)
}

/// Records the unknown keys of a document that was read from `value`, of its chunks and of its matches.
///
/// # Errors
/// When an unknown key has a value that is nested too deeply.
fn record_unknown(document: &mut Document, value: &Value) -> Result<(), JsonError> {
    for (name, documents) in [("chunks", &mut document.chunks), ("matches", &mut document.matches)] {
        let values = value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if values.iter().any(has_unknown) {
            for (document, value) in documents.make_mut().iter_mut().zip(values) {
                record_unknown(document, value)?;
            }
        }
    }
    let Some(object) = value.as_object().filter(|object| object.keys().any(|key| is_unknown(key))) else {
        return Ok(());
    };
    let mut fields = ExtraFields::default();
    let tags = Arc::make_mut(&mut document.tags);
    for (name, value) in object.iter().filter(|(name, _)| is_unknown(name)) {
        fields.insert_json(name, value, tags)?;
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
    Ok(())
}

fn is_unknown(key: &str) -> bool {
    !KEYS.contains(&key) && !OTHER_KEYS.contains(&key)
}

/// True if a document, a chunk or a match has an unknown key.
fn has_unknown(value: &Value) -> bool {
    let nested = |name: &str| {
        value.get(name).and_then(Value::as_array).is_some_and(|list| list.iter().any(has_unknown))
    };
    value.as_object().is_some_and(|object| object.keys().any(|key| is_unknown(key)))
        || nested("chunks")
        || nested("matches")
}

/// A document to be serialised as JSON.
pub(in crate::gateway) struct JsonDocument<'a> {
    document: &'a Document,
    form: DocumentForm,
}

impl<'a> JsonDocument<'a> {
    /// Serialises `document` in the form `form`.
    pub(in crate::gateway) fn new(document: &'a Document, form: DocumentForm) -> Self {
        Self { document, form }
    }

    fn list(documents: &'a [Document], form: DocumentForm) -> Vec<Self> {
        documents.iter().map(|document| Self { document, form }).collect()
    }
}

impl Serialize for JsonDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (document, form) = (self.document, self.form);
        // Clients of the first schema accept no other keys than its own.
        let mut fields = DocumentFields::new(document, form != DocumentForm::AllKeys);
        if form == DocumentForm::AllKeys {
            fields.extra.extend(KEYS.iter().map(|key| (*key, FieldJson::from(Value::Null))));
        }
        fields.remove_set(document);
        let DocumentFields { mut own, mut extra, record } = fields;
        if form == DocumentForm::Schema2 {
            let values = schema2::take_differing_fields(&mut own, record);
            extra.extend(values.map(|(name, value)| (name, FieldJson::from(value))));
            // As over gRPC, they are fields of the first schema only.
            own.docarray = None;
        }
        let chunks = Self::list(&document.chunks, form);
        let matches = Self::list(&document.matches, form);
        SerializedDocument { own: &own, chunks, matches, extra }.serialize(serializer)
    }
}

/// The serialised parts of a document.
#[derive(Serialize)]
struct SerializedDocument<'a> {
    #[serde(flatten)]
    own: &'a Document,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<JsonDocument<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<JsonDocument<'a>>,
    #[serde(flatten)]
    extra: IndexMap<&'a str, FieldJson<'a>>,
}

/// Bytes of temporary memory that serialising documents one after the other takes, besides the output: copies of tags, and
/// fields of many numbers, of documents with a record ([`ExtraFields`]).
pub(super) fn serialisation_bytes(documents: &[Document]) -> usize {
    let bytes = |document: &Document| {
        let own = RecordedFields::of(document).map_or(0, |record| {
            let tags = Document { tags: Arc::clone(&document.tags), ..Document::default() };
            record.node_bytes() + tags.memory_bytes()
        });
        // A document is in memory while its chunks and matches are serialised.
        own + serialisation_bytes(&document.chunks).max(serialisation_bytes(&document.matches))
    };
    documents.iter().map(bytes).max().unwrap_or_default()
}

/// A document as JSON between two texts. Its memory is charged to `permit`, which holds nothing else.
///
/// # Errors
/// If the gateway has no capacity for it.
pub(in crate::gateway) fn encode_between(
    document: &Document,
    form: DocumentForm,
    (before, after): (&[u8], &[u8]),
    permit: &BytesPermit,
) -> io::Result<Vec<u8>> {
    let temporary = serialisation_bytes(std::slice::from_ref(document));
    permit.try_grow_to(temporary).map_err(io::Error::other)?;
    let mut buffer = ChargedBuffer::new(permit);
    buffer.write_all(before)?;
    serde_json::to_writer(&mut buffer, &JsonDocument::new(document, form))?;
    buffer.write_all(after)?;
    Ok(buffer.finish())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use serde_json::{Map, json};

    use super::super::jina::DataRequestProto;

    use super::*;

    fn round_trip(value: &Value) -> Value {
        let form = DocumentForm::infer(value);
        round_trip_as(value, form)
    }

    fn round_trip_as(value: &Value, form: DocumentForm) -> Value {
        serde_json::to_value(JsonDocument::new(&read_one(value, form).unwrap(), form)).unwrap()
    }

    #[test]
    fn fields_of_the_second_schema_are_returned_as_sent() {
        let sent = json!({
            "id": "a", "text": "t", "tags": {"x": 1}, "price": 1.5, "count": 0, "flag": false, "names": ["p", null], "matches": [], "scores": {},
            "sub": {"a": 3}, "blob": null, "embedding": null, "empty": null,
        });
        for form in [DocumentForm::SetKeys, DocumentForm::Schema2] {
            assert_eq!(round_trip_as(&sent, form), sent);
            assert_eq!(read_one(&sent, form).unwrap().tags["price"], 1.5);
        }
    }

    #[test]
    fn unknown_fields_of_chunks_and_matches_are_returned_as_sent() {
        let sent = json!({"id": "a", "matches": [{"id": "b", "price": 1.5, "chunks": [{"id": "c", "parent_id": "b", "page": 2}]}]});
        for form in [DocumentForm::SetKeys, DocumentForm::Schema2] {
            assert_eq!(round_trip_as(&sent, form), sent);
        }
    }

    #[test]
    fn a_field_with_the_name_of_a_tag_is_returned_as_sent() {
        let sent = json!({"id": "a", "tags": {"price": 1}, "price": 2});
        for form in [DocumentForm::SetKeys, DocumentForm::Schema2] {
            assert_eq!(round_trip_as(&sent, form), sent);
        }
    }

    #[test]
    fn an_unknown_field_is_returned_as_sent_or_rejected_for_its_depth() {
        for (open, close, depth_max) in [("[", "]", 49), (r#"{"k":"#, "}", 33)] {
            let nested = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
            for (depth, fits) in [(1, true), (depth_max, true), (depth_max + 1, false), (100, false)] {
                let sent: Value =
                    serde_json::from_str(&format!(r#"{{"id": "a", "__x": {}}}"#, nested(depth))).unwrap();
                for form in [DocumentForm::SetKeys, DocumentForm::Schema2] {
                    if fits {
                        assert_eq!(round_trip_as(&sent, form), sent);
                    } else {
                        let error = read_one(&sent, form).unwrap_err().to_string();
                        assert!(error.starts_with("`__x` must be nested less deeply"), "{error}");
                    }
                }
            }
        }
    }

    #[test]
    fn nested_documents_of_the_second_schema_are_written() {
        let recorded = include_bytes!("../../../tests/captures/03b_v2_rich_document.resp.0.bin");
        let documents =
            flowrun_wire::decode_reply(DataRequestProto::decode(&recorded[..]).unwrap()).unwrap().documents;
        let expected = json!({
            "id": "r1", "text": "hello", "count": 7, "price": 1.5, "flag": true, "names": ["p", "q"],
            "blob": "AP8=", "embedding": [[1.0, 2.0], [3.0, 4.0]], "tags": {"a": 1, "b": {"c": [1, 2.5, "x", null, true]}},
            "sub": {"id": "s", "a": 3, "b": "z"}, "subs": [{"id": "t", "a": 4, "b": null}],
        });
        for form in [DocumentForm::SetKeys, DocumentForm::Schema2] {
            let written = serde_json::to_value(JsonDocument::new(&documents[0], form)).unwrap();
            assert_eq!(written, expected);
        }
        let first = serde_json::to_value(JsonDocument::new(&documents[0], DocumentForm::AllKeys)).unwrap();
        assert_eq!((&first["text"], first.get("sub")), (&json!("hello"), None));
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
    fn evaluations_and_metadata_of_the_first_schema_are_returned_as_sent() {
        let mut sent: Value =
            KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect::<Map<_, _>>().into();
        sent["id"] = "a".into();
        sent["evaluations"] = json!({"recall": {"value": 10.0}});
        sent["_metadata"] = json!({"title": {"position": 0}});
        let document = read_one(&sent, DocumentForm::AllKeys).unwrap();
        assert!(document.tags.is_empty() && document.docarray.is_some());
        assert_eq!(round_trip(&sent), sent);
        let by_hand = json!({"id": "a", "evaluations": sent["evaluations"], "_metadata": sent["_metadata"]});
        assert_eq!(round_trip(&by_hand), by_hand);
        let second = serde_json::to_value(JsonDocument::new(&document, DocumentForm::Schema2)).unwrap();
        assert_eq!(second, json!({"id": "a"}));
    }

    #[test]
    fn unset_fields_are_omitted() {
        assert_eq!(round_trip(&json!({"text": "t", "uri": null})), json!({"text": "t"}));
    }
}
