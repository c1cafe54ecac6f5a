//! Documents in docarray's second schema: maps of named fields. [`extra_fields`](super::extra_fields) describes the handling
//! of fields that [`Document`] does not have.

mod decode;
mod node;
mod node_json;
mod node_writer;
mod numbers_json;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use self::decode::Decoder;
use self::node_writer::{ITEM, Output as _, TYPE, write_map, write_value};
use super::docarray2::node_proto::Content;
use super::docarray2::{DenseNdArrayProto, DictOfAnyProto, ListOfAnyProto, NdArrayProto, NodeProto};
use super::extra_fields::{KIND_TAGS, RECORD_TAG, RecordedFields};
use super::{Schema, WireError};
use flowrun_sdk::{DecodeBudget, Document, Documents, Tensor};

pub use self::node_json::{NodeJson, bytes_as_text};
pub use self::numbers_json::NumbersJson;

/// Decodes a list of documents immediately. The message is kept with them, because unchanged documents are sent back in it.
pub(super) fn decode_documents(list: Bytes, budget: &DecodeBudget<'_>) -> Result<Documents, WireError> {
    let documents = Decoder::new(&list, budget).list(&list)?;
    Ok(Documents::with_source_message(documents, list, Schema::V2))
}

/// Decodes one document.
pub(super) fn decode_document(message: &Bytes, budget: &DecodeBudget<'_>) -> Result<Document, WireError> {
    budget.add_document();
    budget.take(size_of::<Document>())?;
    Decoder::new(message, budget).document(message)
}

/// Encodes a list of documents.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    encode_list(documents, Fields::Recorded)
}

/// Encodes a list of documents. The tags of documents without a record also become fields, unless a field has their name.
pub(super) fn encode_with_tags_as_fields(documents: &[Document]) -> Bytes {
    encode_list(documents, Fields::RecordedOrTags)
}

fn encode_list(documents: &[Document], fields: Fields) -> Bytes {
    let mut list = Vec::new();
    write_list(documents, fields, &mut list);
    list.into()
}

/// Number of the field `doc_array` of a `NodeProto`.
const DOCUMENTS: u8 = 8;

/// Names of the fields of [`Document`]: a tag of such a name is never a field.
const OWN_FIELDS: [&str; 18] = [
    "id",
    "uri",
    "mime_type",
    "modality",
    "parent_id",
    "text",
    "blob",
    "tensor",
    "embedding",
    "chunks",
    "matches",
    "scores",
    "weight",
    "offset",
    "granularity",
    "adjacency",
    "location",
    KIND_TAGS,
];

/// Source of the fields that are encoded in addition to those of [`Document`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fields {
    /// The record.
    Recorded,
    /// The record, or the tags of a document without a record.
    RecordedOrTags,
}

/// Encodes one document.
pub(super) fn encode_document(document: &Document) -> Bytes {
    let mut message = Vec::new();
    write_document(document, Fields::Recorded, &mut message);
    message.into()
}

/// Python type that docarray usually states for a field; `None` if it states none. Other types are recorded in
/// [`ExtraFields::types`](super::ExtraFields::types).
fn usual_type(name: &str) -> Option<&'static str> {
    match name {
        "id" => Some("id"),
        "tensor" | "embedding" => Some("ndarray"),
        _ => None,
    }
}

/// Encodes a JSON value as the node of a field that does not become a tag, as base64, for
/// [`ExtraFields::nodes`](super::ExtraFields::nodes). `kind` is the kind of the field.
///
/// # Errors
/// [`WireError::TooDeep`] if it is nested too deeply to be decoded.
pub(super) fn encode_json_node(value: &Value, kind: &str) -> Result<Value, WireError> {
    let mut node = Vec::new();
    write_value(value, kind, &mut node);
    node::check(&node)?;
    Ok(STANDARD.encode(node).into())
}

/// Writes a `DocListProto`.
fn write_list(documents: &[Document], extra: Fields, list: &mut Vec<u8>) {
    for document in documents {
        let message = list.open(ITEM, 0);
        write_document(document, extra, list);
        list.close(message);
    }
}

/// Capacity for a field beyond its name and value: for lengths that turn out to need more bytes.
const LENGTHS_BYTES: usize = 64;

/// Writes a `DocProto`.
fn write_document(document: &Document, extra: Fields, message: &mut Vec<u8>) {
    for (name, field) in encoded_fields(document, extra) {
        let expected = field.value.expected_bytes();
        message.reserve(name.len() + expected + LENGTHS_BYTES);
        let entry = message.open_entry(name, expected);
        field.value.write(extra, message);
        if let Some(name) = field.r#type {
            message.text(TYPE, name);
        }
        message.close_entry(entry);
    }
}

/// A field to be encoded.
struct EncodedField<'a> {
    value: FieldValue<'a>,
    /// Python type to state.
    r#type: Option<&'a str>,
}

impl<'a> From<FieldValue<'a>> for EncodedField<'a> {
    fn from(value: FieldValue<'a>) -> Self {
        Self { value, r#type: None }
    }
}

/// Value of a field to be encoded.
enum FieldValue<'a> {
    /// A field of [`Document`], or an empty value.
    Content(Option<Content>),
    /// Chunks or matches.
    Documents(&'a [Document]),
    /// A tag, and the kind of its field.
    Json(&'a Value, &'a str),
    /// Tags.
    Object(Vec<(&'a String, &'a Value)>),
    /// Base64 of a recorded message.
    Recorded(&'a Value),
}

impl FieldValue<'_> {
    /// Length of its encoding, as far as it is known.
    fn expected_bytes(&self) -> usize {
        match self {
            Self::Content(Some(content)) => content.encoded_len(),
            Self::Recorded(text) => base64::decoded_len_estimate(text.as_str().unwrap_or_default().len()),
            _ => 0,
        }
    }

    /// Writes a `NodeProto` without a type.
    fn write(self, extra: Fields, message: &mut Vec<u8>) {
        match self {
            Self::Content(content) => content.iter().for_each(|content| content.encode(message)),
            Self::Documents(documents) => {
                let list = message.open(DOCUMENTS, 0);
                write_list(documents, extra, message);
                message.close(list);
            }
            Self::Json(value, kind) => write_value(value, kind, message),
            Self::Object(entries) => write_map(entries, message),
            Self::Recorded(text) => write_recorded(text, message),
        }
    }
}

/// Writes a recorded message unchanged; an empty one if it is damaged.
fn write_recorded(encoded: &Value, message: &mut Vec<u8>) {
    let start = message.len();
    let decoded = STANDARD.decode_vec(encoded.as_str().unwrap_or_default(), message);
    let is_valid = decoded.is_ok() && message.get(start..).is_some_and(|node| node::check(node).is_ok());
    if !is_valid {
        message.truncate(start);
    }
}

/// The fields of a document by name: those of [`Document`], of its record, and tags.
fn encoded_fields(document: &Document, extra: Fields) -> BTreeMap<&str, EncodedField<'_>> {
    let record = RecordedFields::of(document);
    let mut fields: BTreeMap<&str, EncodedField<'_>> = BTreeMap::new();
    for (name, kind, value) in record.iter().flat_map(RecordedFields::plain_fields) {
        if kind != KIND_TAGS {
            let value = value.map(|value| FieldValue::Json(value, kind));
            fields.insert(name, value.unwrap_or_else(|| FieldValue::Content(empty(kind))).into());
        }
    }
    for (name, node) in record.iter().flat_map(RecordedFields::nodes) {
        fields.insert(name, FieldValue::Recorded(node).into());
    }
    let python_type = |name: &str| record.and_then(|record| record.python_type(name));
    put_own_fields(document, python_type("url").is_some(), &mut |name, value| {
        let r#type = python_type(name).or_else(|| usual_type(name)).filter(|name| !name.is_empty());
        fields.insert(name, EncodedField { value, r#type });
    });
    let tags: Vec<_> = match record {
        Some(record) => record.other_tags().collect(),
        None => document.tags.iter().filter(|(name, _)| *name != RECORD_TAG).collect(),
    };
    if record.is_none() && extra == Fields::RecordedOrTags {
        let is_field = |name: &str| !name.starts_with("__") && !OWN_FIELDS.contains(&name);
        for (name, value) in tags.iter().filter(|(name, _)| is_field(name)) {
            fields.entry(name).or_insert_with(|| FieldValue::Json(value, "").into());
        }
    }
    let was_field = |record: RecordedFields<'_>| record.kind(KIND_TAGS) == Some(KIND_TAGS);
    let has_tags = !tags.is_empty() || record.is_some_and(was_field);
    if has_tags && !record.is_some_and(|record| record.has_node(KIND_TAGS)) {
        let r#type = python_type(KIND_TAGS).filter(|name| !name.is_empty());
        fields.insert(KIND_TAGS, EncodedField { value: FieldValue::Object(tags), r#type });
    }
    fields
}

/// An empty list or map for a field of that kind, no value for any other kind.
fn empty(kind: &str) -> Option<Content> {
    match kind {
        "list" => Some(Content::List(ListOfAnyProto::default())),
        "dict" => Some(Content::Dict(DictOfAnyProto::default())),
        _ => None,
    }
}

/// Calls `put` with each field of [`Document`] that is set, except the tags.
fn put_own_fields<'a>(
    document: &'a Document,
    sent_url: bool,
    put: &mut impl FnMut(&'static str, FieldValue<'a>),
) {
    let uri = if sent_url { "url" } else { "uri" };
    let texts = [
        ("id", &document.id),
        (uri, &document.uri),
        ("mime_type", &document.mime_type),
        ("modality", &document.modality),
        ("parent_id", &document.parent_id),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        put(name, FieldValue::Content(Some(Content::Text(text.clone()))));
    }
    if let Some(text) = &document.text {
        put("text", FieldValue::Content(Some(Content::Text(text.to_string()))));
    }
    if let Some(blob) = &document.blob {
        put("blob", FieldValue::Content(Some(Content::Blob(blob.clone()))));
    }
    for (name, tensor) in [("tensor", &document.tensor), ("embedding", &document.embedding)] {
        if let Some(tensor) = tensor {
            put(name, FieldValue::Content(Some(Content::Ndarray(array(tensor)))));
        }
    }
    for (name, documents) in [("chunks", &document.chunks), ("matches", &document.matches)] {
        if !documents.is_empty() {
            put(name, FieldValue::Documents(documents));
        }
    }
    put_numbers(document, put);
}

/// Calls `put` with each numeric field that is set.
fn put_numbers<'a>(document: &'a Document, put: &mut impl FnMut(&'static str, FieldValue<'a>)) {
    let mut put = |name, set: bool, content: Content| {
        if set {
            put(name, FieldValue::Content(Some(content)));
        }
    };
    let float = |value: f32| NodeProto { content: Some(Content::Float(value.into())), r#type: None };
    let scores = document.scores.iter().map(|(name, score)| (name.clone(), float(score.value))).collect();
    put("scores", !document.scores.is_empty(), Content::Dict(DictOfAnyProto { data: scores }));
    for (name, value) in [("weight", document.weight), ("offset", document.offset)] {
        if let Some(value) = value {
            put(name, true, Content::Float(value.into()));
        }
    }
    for (name, value) in [("granularity", document.granularity), ("adjacency", document.adjacency)] {
        put(name, value > 0, Content::Integer(i32::try_from(value).unwrap_or(i32::MAX)));
    }
    let location = document.location.iter().map(|value| float(*value)).collect();
    put("location", !document.location.is_empty(), Content::List(ListOfAnyProto { data: location }));
}

fn array(tensor: &Tensor) -> NdArrayProto {
    let dense = DenseNdArrayProto {
        buffer: tensor.data().clone(),
        shape: tensor.shape().iter().map(|&side| u32::try_from(side).unwrap_or(u32::MAX)).collect(),
        dtype: tensor.data_type().to_string(),
    };
    NdArrayProto { dense: Some(dense), parameters: None }
}

#[cfg(test)]
mod tests;
