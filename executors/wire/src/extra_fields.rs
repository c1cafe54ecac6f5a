//! Fields of docarray's second schema that [`Document`] does not have.
//!
//! A document of the second schema is a map of fields with names of the user's choice. Fields that [`Document`] has
//! become that field. Of the remaining fields, plain values (texts, numbers, booleans, lists and maps of them) become tags of the
//! same name, so that executors can read them and filter by them. The tag `__fields__` records where they came from, so
//! that a reply has the fields of the request, in their types:
//!
//! * `kinds`: fields that became tags, or that had no value, and the kind of each;
//! * `nodes`: fields that JSON cannot represent, as base64 of their message;
//! * `types`: the Python type of a field, where it is not the usual one.
//!
//! Clients of the first schema receive the tags without the record.

use std::borrow::Cow;
use std::sync::Arc;

use flowrun_sdk::{Document, Documents, JsonError, Tags};
use serde_json::{Map, Value};

use super::v2::{NodeJson, encode_json_node};

/// Tag that holds the record.
pub(super) const RECORD_TAG: &str = flowrun_sdk::FIELD_RECORD_TAG;

/// Kind of a field that came without a value.
pub const KIND_NULL: &str = "null";

/// Kind of the field `tags`, whose entries are the tags themselves.
pub const KIND_TAGS: &str = "tags";

/// Record of the extra fields of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtraFields {
    /// Kinds of fields that became tags or had no value, by field name.
    pub kinds: Map<String, Value>,
    /// Base64 of the messages of fields that JSON cannot represent, by field name.
    pub nodes: Map<String, Value>,
    /// Unusual Python types, by field name.
    pub types: Map<String, Value>,
}

impl ExtraFields {
    /// Reads the record from the tags of a document; `None` if it has none.
    pub fn from_document(document: &Document) -> Option<Self> {
        let record = document.tags.get(RECORD_TAG)?.as_object()?;
        let part = |name: &str| record.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { kinds: part("kinds"), nodes: part("nodes"), types: part("types") })
    }

    /// Writes the record into tags, unless it is empty.
    pub fn write_to(self, tags: &mut Tags) {
        let parts = [("kinds", self.kinds), ("nodes", self.nodes), ("types", self.types)];
        let record: Map<String, Value> = parts
            .into_iter()
            .filter(|(_, part)| !part.is_empty())
            .map(|(name, part)| (name.to_owned(), part.into()))
            .collect();
        if !record.is_empty() {
            tags.insert(RECORD_TAG.to_owned(), record.into());
        }
    }

    /// Adds a field with a JSON value: as a tag, or as a node if a tag has its name already or the name begins with `__`. A
    /// null is only recorded.
    ///
    /// # Errors
    /// [`JsonError`] if the value of a node is nested too deeply.
    pub fn insert_json(&mut self, name: &str, value: &Value, tags: &mut Tags) -> Result<(), JsonError> {
        let kind = json_kind(value);
        if kind != KIND_NULL && (tags.contains_key(name) || name.starts_with("__")) {
            let too_deep = |_| JsonError::new(name, "nested less deeply: at most 33 objects or 49 lists");
            self.nodes.insert(name.to_owned(), encode_json_node(value, kind).map_err(too_deep)?);
            return Ok(());
        }
        self.kinds.insert(name.to_owned(), kind.into());
        if kind != KIND_NULL {
            tags.insert(name.to_owned(), value.clone());
        }
        Ok(())
    }

    /// Fields that JSON cannot represent exactly, in the JSON form of docarray.
    pub fn node_values(&self) -> impl Iterator<Item = (&str, NodeJson)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), NodeJson::decode(node)))
    }

    /// Removes the record and the fields that became tags from `tags`. Returns name, kind and value of each field; the
    /// value is `None` if the field had none or if an executor removed the tag.
    pub fn take_from(&self, tags: &mut Tags) -> Vec<(String, String, Option<Value>)> {
        tags.remove(RECORD_TAG);
        let kinds = self.kinds.iter().filter_map(|(name, kind)| Some((name, kind.as_str()?)));
        kinds
            .map(|(name, kind)| {
                let value = if kind == KIND_NULL || kind == KIND_TAGS { None } else { tags.remove(name) };
                (name.clone(), kind.to_owned(), value)
            })
            .collect()
    }
}

fn json_kind(value: &Value) -> &'static str {
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

/// Removes the records of documents, their chunks and their matches; borrows the documents if there are none.
pub(super) fn without_records(documents: &[Document]) -> Cow<'_, [Document]> {
    if !documents.iter().any(has_record) {
        return Cow::Borrowed(documents);
    }
    let mut documents = documents.to_vec();
    documents.iter_mut().for_each(remove_records);
    Cow::Owned(documents)
}

/// True if a document, one of its chunks or one of its matches has a record.
pub(super) fn has_record(document: &Document) -> bool {
    let any = |documents: &Documents| documents.iter().any(has_record);
    let own = !document.tags.is_empty() && document.tags.contains_key(RECORD_TAG);
    own || any(&document.chunks) || any(&document.matches)
}

fn remove_records(document: &mut Document) {
    if document.tags.contains_key(RECORD_TAG) {
        Arc::make_mut(&mut document.tags).remove(RECORD_TAG);
    }
    for documents in [&mut document.chunks, &mut document.matches] {
        if documents.iter().any(has_record) {
            documents.make_mut().iter_mut().for_each(remove_records);
        }
    }
}
