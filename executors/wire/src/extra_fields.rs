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
//! Over HTTP and WebSocket, a field with more than [`TAG_NUMBERS_MAX`] numbers and booleans, such as an array under a name of the
//! user's choice or in a nested document, is also one of the `nodes`: it is returned as sent and reaches Python executors as
//! lists, but is no tag. As a tag, each of its numbers would occupy 32 bytes. `tags` and `scores` are exceptions, as are
//! integers beyond 32 bits, which a message would change.
//!
//! Clients of the first schema receive the tags without the record.

use std::borrow::Cow;
use std::sync::Arc;

use base64::decoded_len_estimate;
use flowrun_sdk::{Document, Documents, JsonError, Tags};
use serde_json::{Map, Value};

use super::v2::{NodeJson, encode_json_node};

/// Maximum count of numbers and booleans in a JSON field that becomes a tag. Vectors of models are usually shorter, and pictures
/// longer.
pub const TAG_NUMBERS_MAX: usize = 1_024;

/// Tag that holds the record.
pub(super) const RECORD_TAG: &str = flowrun_sdk::FIELD_RECORD_TAG;

/// Kind of a field that came without a value.
pub const KIND_NULL: &str = "null";

/// Kind of the field `tags`, whose entries are the tags themselves.
pub const KIND_TAGS: &str = "tags";

/// Record of the extra fields of one document, while it is made. [`RecordedFields`] reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtraFields {
    /// Kinds of fields that became tags or had no value, by field name.
    pub kinds: Map<String, Value>,
    /// Base64 of the messages of fields that are not tags, by field name.
    pub nodes: Map<String, Value>,
    /// Unusual Python types, by field name.
    pub types: Map<String, Value>,
}

impl ExtraFields {
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
}

/// The record of a document, in its tags.
#[derive(Clone, Copy, Debug)]
pub struct RecordedFields<'a> {
    tags: &'a Tags,
    record: &'a Map<String, Value>,
}

impl<'a> RecordedFields<'a> {
    /// The record of a document; `None` if it has none.
    pub fn of(document: &'a Document) -> Option<Self> {
        let record = document.tags.get(RECORD_TAG)?.as_object()?;
        Some(Self { tags: &document.tags, record })
    }

    fn part(&self, part: &str) -> Option<&'a Map<String, Value>> {
        self.record.get(part).and_then(Value::as_object)
    }

    fn entries(&self, part: &str) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.part(part).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Kind of a field that became a tag or had no value.
    pub fn kind(&self, name: &str) -> Option<&'a str> {
        self.part("kinds")?.get(name)?.as_str()
    }

    /// Name, kind and value of each field that became a tag or had no value. The value is `None` if the field had none or if
    /// an executor removed the tag.
    pub fn plain_fields(&self) -> impl Iterator<Item = (&'a str, &'a str, Option<&'a Value>)> + use<'a> {
        let tags = self.tags;
        self.entries("kinds").filter_map(move |(name, kind)| {
            let kind = kind.as_str()?;
            Some((name, kind, tags.get(name).filter(|_| is_tag(kind))))
        })
    }

    /// Tags that are neither fields nor the record.
    pub fn other_tags(self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let is_field = move |name: &str| name == RECORD_TAG || self.kind(name).is_some_and(is_tag);
        self.tags.iter().filter(move |(name, _)| !is_field(name))
    }

    /// Names of the fields that are not tags, and base64 of their messages.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.entries("nodes")
    }

    /// Fields that are not tags, in the JSON form of docarray.
    pub fn node_values(&self) -> impl Iterator<Item = (&'a str, NodeJson<'a>)> + use<'a> {
        self.nodes().map(|(name, node)| (name, NodeJson::new(node)))
    }

    /// Bytes of memory that serialising [`RecordedFields::node_values`] one after the other takes: those of the largest message.
    /// The sorted entries of its maps come in addition.
    pub fn node_bytes(&self) -> usize {
        let bytes = |(_, node): (&str, &Value)| decoded_len_estimate(node.as_str().unwrap_or_default().len());
        self.nodes().map(bytes).max().unwrap_or_default()
    }

    /// True if a field that is not a tag has that name.
    pub(super) fn has_node(&self, name: &str) -> bool {
        self.part("nodes").is_some_and(|nodes| nodes.contains_key(name))
    }

    /// Unusual Python type of a field.
    pub fn python_type(&self, name: &str) -> Option<&'a str> {
        self.part("types")?.get(name)?.as_str()
    }

    /// True if a field has an unusual Python type.
    pub fn has_types(&self) -> bool {
        self.part("types").is_some_and(|types| !types.is_empty())
    }
}

/// True if a field of that kind is a tag, unless an executor removed it.
fn is_tag(kind: &str) -> bool {
    kind != KIND_NULL && kind != KIND_TAGS
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
