//! Documents in docarray's second schema: maps of named fields. [`extra_fields`](super::extra_fields) describes what
//! becomes of fields that [`Document`] does not have.

mod node_json;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::{DecodeError, Message as _};
use serde_json::{Map, Number, Value};

use super::Schema;
use super::docarray2::node_proto::Content;
use super::docarray2::{
    DenseNdArrayProto, DictOfAnyProto, DocListProto, DocProto, ListOfAnyProto, NdArrayProto, NodeProto,
};
use super::extra_fields::{ExtraFields, KIND_NULL, KIND_TAGS, RECORD_TAG};
use flowrun_sdk::{Document, Documents, NamedScore, Tags, Tensor};

pub use self::node_json::{NodeJson, bytes_as_text};

/// Decodes a list of documents at once. Keeps the message with them: a list that stays unchanged is encoded as that message,
/// with everything that [`Document`] cannot represent.
pub(super) fn decode_documents(list: Bytes) -> Result<Documents, DecodeError> {
    let documents = DocListProto::decode(list.clone())?.docs.into_iter().map(document).collect();
    Ok(Documents::with_source_message(documents, list, Schema::V2))
}

/// Decodes one document.
pub(super) fn decode_document(message: Bytes) -> Result<Document, DecodeError> {
    DocProto::decode(message).map(document)
}

/// Encodes a list of documents.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    DocListProto { docs: documents.iter().map(message).collect() }.encode_to_vec().into()
}

/// Encodes one document.
pub(super) fn encode_document(document: &Document) -> Bytes {
    message(document).encode_to_vec().into()
}

fn document(message: DocProto) -> Document {
    let mut document = Document::default();
    let (mut tags, mut fields) = (Tags::new(), ExtraFields::default());
    let mut data = message.data;
    // First, so that no other field claims the name of a tag.
    if let Some(node) = data.remove(KIND_TAGS) {
        match object(&node) {
            Some(entries) if node.r#type.is_none() && !entries.contains_key(RECORD_TAG) => {
                tags = entries;
                fields.kinds.insert(KIND_TAGS.to_owned(), KIND_TAGS.into());
            }
            _ => record_extra(KIND_TAGS.to_owned(), &node, &mut tags, &mut fields),
        }
    }
    for (name, node) in data {
        match set_field(&mut document, &name, node) {
            Ok(Some(unusual)) => _ = fields.types.insert(name, unusual.into()),
            Ok(None) => {}
            Err(node) => record_extra(name, &node, &mut tags, &mut fields),
        }
    }
    fields.write_to(&mut tags);
    document.tags = Arc::new(tags);
    document
}

/// Sets the field `name` of a document. Returns its Python type if that is unusual, or the node if [`Document`] has no
/// such field.
fn set_field(document: &mut Document, name: &str, node: NodeProto) -> Result<Option<String>, Box<NodeProto>> {
    let NodeProto { content, r#type } = node;
    let tensor = |content| match content {
        Some(Content::Ndarray(array)) => tensor(array).map_err(|array| Some(Content::Ndarray(array))),
        other => Err(other),
    };
    let set = match (name, content) {
        ("text", Some(Content::Text(text))) => {
            document.text = Some(text.into());
            Ok(())
        }
        (_, Some(Content::Text(text))) if !text.is_empty() => {
            let field = match name {
                "id" => &mut document.id,
                "uri" | "url" => &mut document.uri,
                "mime_type" => &mut document.mime_type,
                "modality" => &mut document.modality,
                "parent_id" => &mut document.parent_id,
                _ => return Err(NodeProto { content: Some(Content::Text(text)), r#type }.into()),
            };
            if field.is_empty() {
                *field = text;
                Ok(())
            } else {
                Err(Some(Content::Text(text)))
            }
        }
        ("blob", Some(Content::Blob(blob))) => {
            document.blob = Some(blob);
            Ok(())
        }
        ("tensor", content) => tensor(content).map(|tensor| document.tensor = Some(tensor)),
        ("embedding", content) => tensor(content).map(|tensor| document.embedding = Some(tensor)),
        ("chunks", Some(Content::DocArray(list))) if !list.docs.is_empty() => {
            document.chunks = list.docs.into_iter().map(self::document).collect();
            Ok(())
        }
        ("matches", Some(Content::DocArray(list))) if !list.docs.is_empty() => {
            document.matches = list.docs.into_iter().map(self::document).collect();
            Ok(())
        }
        ("scores", Some(Content::Dict(dict))) => match scores(&dict) {
            Some(scores) => {
                document.scores = scores;
                Ok(())
            }
            None => Err(Some(Content::Dict(dict))),
        },
        (_, content) => Err(content),
    };
    match set {
        Ok(()) if r#type.as_deref() == usual_type(name) && name != "url" => Ok(None),
        // `url` is stored as `uri`; the entry in `types` preserves its name.
        Ok(()) => Ok(Some(r#type.unwrap_or_default())),
        Err(content) => Err(NodeProto { content, r#type }.into()),
    }
}

/// Python type of a field whose sender does not state one.
fn usual_type(name: &str) -> Option<&'static str> {
    match name {
        "id" => Some("id"),
        "tensor" | "embedding" => Some("ndarray"),
        _ => None,
    }
}

fn tensor(array: NdArrayProto) -> Result<Tensor, NdArrayProto> {
    let plain = array.parameters.as_ref().is_none_or(|parameters| parameters.is_empty());
    let tensor = array.dense.as_ref().filter(|_| plain).and_then(|dense| {
        let shape = dense.shape.iter().map(|&side| side as usize).collect();
        let tensor = Tensor::new(dense.dtype.parse().ok()?, shape, dense.buffer.clone()).ok()?;
        (tensor.data_type().to_string() == dense.dtype).then_some(tensor)
    });
    tensor.ok_or(array)
}

/// Converts a map to scores; `None` unless every value is an untyped number that single precision represents exactly.
fn scores(dict: &DictOfAnyProto) -> Option<indexmap::IndexMap<String, NamedScore>> {
    let score = |(name, node): (&String, &NodeProto)| match node.content {
        #[expect(clippy::cast_possible_truncation, reason = "compared with the original before use")]
        Some(Content::Float(value)) if f64::from(value as f32) == value && node.r#type.is_none() => {
            Some((name.clone(), NamedScore::new(value as f32, "")))
        }
        _ => None,
    };
    if dict.data.is_empty() { None } else { dict.data.iter().map(score).collect() }
}

/// Stores a field that [`Document`] lacks: as a tag if JSON can represent it and the name is free, else in `fields`.
fn record_extra(name: String, node: &NodeProto, tags: &mut Tags, fields: &mut ExtraFields) {
    if node.content.is_none() && node.r#type.is_none() {
        fields.kinds.insert(name, KIND_NULL.into());
        return;
    }
    match json(node) {
        Some(value) if !tags.contains_key(&name) && !name.starts_with("__") => {
            fields.kinds.insert(name.clone(), kind(node).into());
            tags.insert(name, value);
        }
        _ => _ = fields.nodes.insert(name, encode_node(node)),
    }
}

/// Encodes the node of a field that does not become a tag, as base64.
fn encode_node(node: &NodeProto) -> Value {
    STANDARD.encode(node.encode_to_vec()).into()
}

fn decode_node(encoded: &Value) -> NodeProto {
    let bytes = encoded.as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    NodeProto::decode(&*bytes).unwrap_or_default()
}

/// Encodes a JSON value as the node of a field that does not become a tag. `kind` is the field's entry in
/// [`ExtraFields::kinds`].
pub(super) fn encode_json_node(value: &Value, kind: &str) -> Value {
    encode_node(&from_json(value, kind))
}

fn kind(node: &NodeProto) -> &'static str {
    match &node.content {
        Some(Content::Text(_)) => "text",
        Some(Content::Integer(_)) => "integer",
        Some(Content::Float(_)) => "float",
        Some(Content::Boolean(_)) => "boolean",
        Some(Content::List(_)) => "list",
        Some(Content::Dict(_)) => "dict",
        _ => KIND_NULL,
    }
}

/// Converts a node to JSON; `None` if that would lose something.
fn json(node: &NodeProto) -> Option<Value> {
    if node.r#type.is_some() {
        return None;
    }
    Some(match &node.content {
        None => Value::Null,
        Some(Content::Text(text)) => text.as_str().into(),
        Some(Content::Integer(integer)) => (*integer).into(),
        Some(Content::Float(float)) => Number::from_f64(*float)?.into(),
        Some(Content::Boolean(boolean)) => (*boolean).into(),
        Some(Content::List(list)) => list.data.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Some(Content::Dict(_)) => object(node)?.into(),
        Some(_) => return None,
    })
}

fn object(node: &NodeProto) -> Option<Map<String, Value>> {
    let Some(Content::Dict(dict)) = &node.content else { return None };
    dict.data.iter().map(|(name, node)| Some((name.clone(), json(node)?))).collect()
}

fn message(document: &Document) -> DocProto {
    let mut tags = (*document.tags).clone();
    let fields = ExtraFields::from_document(document).unwrap_or_default();
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
        let docs = documents.iter().map(message).collect();
        put(name, !documents.is_empty(), Content::DocArray(DocListProto { docs }));
    }
    put_numbers(document, &mut put);
    let has_tags = !tags.is_empty() || fields.kinds.get(KIND_TAGS).is_some_and(|kind| kind == KIND_TAGS);
    put(KIND_TAGS, has_tags && !fields.nodes.contains_key(KIND_TAGS), dict(&tags));
    DocProto { data }
}

/// An empty list or map for a field of that kind, no value for all others.
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
