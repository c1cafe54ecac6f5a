//! Documents in docarray's second schema: maps of named fields. [`extra_fields`](super::extra_fields) describes the handling
//! of fields that [`Document`] does not have.

mod decode;
mod node;
mod node_json;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use serde_json::{Map, Number, Value};

use self::decode::Decoder;
use super::docarray2::node_proto::Content;
use super::docarray2::{
    DenseNdArrayProto, DictOfAnyProto, DocListProto, DocProto, ListOfAnyProto, NdArrayProto, NodeProto,
};
use super::extra_fields::{ExtraFields, KIND_TAGS};
use super::{Schema, WireError};
use flowrun_sdk::{DecodeBudget, Document, Documents, Tensor};

pub use self::node_json::{NodeJson, bytes_as_text};

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
    let docs = documents.iter().map(|document| message(document, fields)).collect();
    DocListProto { docs }.encode_to_vec().into()
}

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
    message(document, Fields::Recorded).encode_to_vec().into()
}

/// Python type that docarray usually states for a field; `None` if it states none. Other types are recorded in
/// [`ExtraFields::types`].
fn usual_type(name: &str) -> Option<&'static str> {
    match name {
        "id" => Some("id"),
        "tensor" | "embedding" => Some("ndarray"),
        _ => None,
    }
}

/// Converts an array to a tensor; returns the array if it would not be restored exactly.
fn tensor(array: NdArrayProto) -> Result<Tensor, NdArrayProto> {
    let plain = array.parameters.as_ref().is_none_or(|parameters| parameters.is_empty());
    let tensor = array.dense.as_ref().filter(|_| plain).and_then(|dense| {
        let shape = dense.shape.iter().map(|&side| side as usize).collect();
        let tensor = Tensor::new(dense.dtype.parse().ok()?, shape, dense.buffer.clone()).ok()?;
        (tensor.data_type().to_string() == dense.dtype).then_some(tensor)
    });
    tensor.ok_or(array)
}

/// Decodes an entry of [`ExtraFields::nodes`]; an empty node if it is damaged.
fn decode_node(encoded: &Value) -> NodeProto {
    let bytes = encoded.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    NodeProto::decode(&*bytes).unwrap_or_default()
}

/// Encodes a JSON value as the node of a field that does not become a tag, as base64, for [`ExtraFields::nodes`]. `kind` is the
/// field's entry in [`ExtraFields::kinds`].
///
/// # Errors
/// [`WireError::TooDeep`] if [`decode_node`] could not decode it.
pub(super) fn encode_json_node(value: &Value, kind: &str) -> Result<Value, WireError> {
    let node = from_json(value, kind).encode_to_vec();
    node::check(&node)?;
    Ok(STANDARD.encode(node).into())
}

fn message(document: &Document, extra: Fields) -> DocProto {
    let mut tags = (*document.tags).clone();
    let record = ExtraFields::from_document(document);
    let tags_are_fields = record.is_none() && extra == Fields::RecordedOrTags;
    let fields = record.unwrap_or_default();
    let mut data = BTreeMap::new();
    for (name, kind, value) in fields.take_from(&mut tags) {
        let node = match kind.as_str() {
            KIND_TAGS => continue,
            kind => value.map_or_else(|| empty(kind), |value| from_json(&value, kind)),
        };
        data.insert(name, node);
    }
    for (name, node) in &fields.nodes {
        data.insert(name.clone(), decode_node(node));
    }
    let mut put = |name: &str, set: bool, content: Content| {
        if set {
            let usual = usual_type(name).map(str::to_owned);
            let unusual = fields.types.get(name).and_then(Value::as_str).map(str::to_owned);
            let r#type = unusual.map_or(usual, |name| (!name.is_empty()).then_some(name));
            data.insert(name.to_owned(), NodeProto { content: Some(content), r#type });
        }
    };
    let uri = if fields.types.contains_key("url") { "url" } else { "uri" };
    let texts = [
        ("id", &document.id),
        (uri, &document.uri),
        ("mime_type", &document.mime_type),
        ("modality", &document.modality),
        ("parent_id", &document.parent_id),
    ];
    for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        put(name, true, Content::Text(text.clone()));
    }
    if let Some(text) = &document.text {
        put("text", true, Content::Text(text.to_string()));
    }
    if let Some(blob) = &document.blob {
        put("blob", true, Content::Blob(blob.clone()));
    }
    for (name, tensor) in [("tensor", &document.tensor), ("embedding", &document.embedding)] {
        if let Some(tensor) = tensor {
            put(name, true, Content::Ndarray(array(tensor)));
        }
    }
    for (name, documents) in [("chunks", &document.chunks), ("matches", &document.matches)] {
        let docs = documents.iter().map(|document| message(document, extra)).collect();
        put(name, !documents.is_empty(), Content::DocArray(DocListProto { docs }));
    }
    put_numbers(document, &mut put);
    let has_tags = !tags.is_empty() || fields.kinds.get(KIND_TAGS).is_some_and(|kind| kind == KIND_TAGS);
    put(KIND_TAGS, has_tags && !fields.nodes.contains_key(KIND_TAGS), dict(&tags));
    let is_field = |name: &str| tags_are_fields && !name.starts_with("__") && !OWN_FIELDS.contains(&name);
    for (name, value) in tags.iter().filter(|(name, _)| is_field(name)) {
        data.entry(name.clone()).or_insert_with(|| from_json(value, ""));
    }
    DocProto { data }
}

/// An empty list or map for a field of that kind, no value for any other kind.
fn empty(kind: &str) -> NodeProto {
    let content = match kind {
        "list" => Some(Content::List(ListOfAnyProto::default())),
        "dict" => Some(Content::Dict(DictOfAnyProto::default())),
        _ => None,
    };
    NodeProto { content, r#type: None }
}

/// Adds the numeric fields that are set.
fn put_numbers(document: &Document, put: &mut impl FnMut(&str, bool, Content)) {
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

/// Converts JSON to a node. A whole number becomes an integer unless `kind` is `float`.
fn from_json(value: &Value, kind: &str) -> NodeProto {
    let content = match value {
        Value::Null => None,
        Value::Bool(boolean) => Some(Content::Boolean(*boolean)),
        Value::Number(number) => Some(from_number(number, kind)),
        Value::String(text) => Some(Content::Text(text.clone())),
        Value::Array(items) => {
            let data = items.iter().map(|item| from_json(item, "")).collect();
            Some(Content::List(ListOfAnyProto { data }))
        }
        Value::Object(entries) => Some(dict(entries)),
    };
    NodeProto { content, r#type: None }
}

fn from_number(number: &Number, kind: &str) -> Content {
    let integer = number.as_i64().and_then(|integer| i32::try_from(integer).ok());
    match integer {
        Some(integer) if kind != "float" => Content::Integer(integer),
        _ => Content::Float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

fn dict(entries: &Map<String, Value>) -> Content {
    let data = entries.iter().map(|(name, value)| (name.clone(), from_json(value, ""))).collect();
    Content::Dict(DictOfAnyProto { data })
}

#[cfg(test)]
mod tests;
