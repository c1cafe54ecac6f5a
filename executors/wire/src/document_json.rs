//! Documents as JSON. Fields that [`Document`] does not have, which [`ExtraFields`](crate::ExtraFields) records, are written
//! under their own names again.

use std::borrow::Cow;
use std::sync::Arc;

use flowrun_sdk::{Document, Documents};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::extra_fields::{KIND_TAGS, RecordedFields, has_record};
use super::v2::NodeJson;

/// Value of a recorded field.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum FieldJson<'a> {
    /// A plain value.
    Json(Cow<'a, Value>),
    /// A value that is not a tag, in docarray's JSON form.
    Node(NodeJson<'a>),
}

impl FieldJson<'_> {
    fn is_null(&self) -> bool {
        matches!(self, Self::Json(value) if value.is_null())
    }
}

impl From<Value> for FieldJson<'_> {
    fn from(value: Value) -> Self {
        Self::Json(Cow::Owned(value))
    }
}

/// A document, separated into its own fields and the fields that its record ([`RecordedFields`]) restores.
#[derive(Debug)]
pub struct DocumentFields<'a> {
    /// The document without chunks, matches, record and the tags that were fields.
    pub own: Document,
    /// Restored fields by name. They may include fields that `own` has.
    pub extra: IndexMap<&'a str, FieldJson<'a>>,
    /// The record, if the document has one.
    pub record: Option<RecordedFields<'a>>,
}

impl<'a> DocumentFields<'a> {
    /// Separates the fields of a document. With `with_nodes`, `extra` includes the fields that are not tags.
    #[must_use]
    pub fn new(document: &'a Document, with_nodes: bool) -> Self {
        // A shallow copy: payloads are reference-counted.
        let mut own = Document { chunks: Documents::new(), matches: Documents::new(), ..document.clone() };
        let mut extra = IndexMap::new();
        let record = RecordedFields::of(document);
        if let Some(record) = record {
            let tags = record.other_tags().map(|(name, value)| (name.clone(), value.clone()));
            own.tags = Arc::new(tags.collect());
            for (name, kind, value) in record.plain_fields() {
                let empty = || match kind {
                    KIND_TAGS | "dict" => Value::Object(Map::new()),
                    "list" => Value::Array(Vec::new()),
                    _ => Value::Null,
                };
                extra.insert(name, FieldJson::Json(value.map_or_else(|| Cow::Owned(empty()), Cow::Borrowed)));
            }
            if with_nodes {
                extra.extend(record.node_values().map(|(name, node)| (name, FieldJson::Node(node))));
            }
        }
        Self { own, extra, record }
    }

    /// Removes the restored fields whose names are set fields of `document`, the document that was passed to
    /// [`DocumentFields::new`].
    pub fn remove_set(&mut self, document: &Document) {
        for key in set_keys(&self.own, document) {
            self.extra.shift_remove(key);
        }
    }
}

/// A document that is serialised with the fields of its record, and so are its chunks and matches. Fields without a value
/// are omitted.
#[derive(Debug)]
pub struct DocumentJson<'a>(pub &'a Document);

impl Serialize for DocumentJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(document) = *self;
        if !has_record(document) {
            return document.serialize(serializer);
        }
        let mut fields = DocumentFields::new(document, true);
        fields.extra.retain(|_, value| !value.is_null());
        fields.remove_set(document);
        Parts {
            own: &fields.own,
            chunks: document.chunks.iter().map(Self).collect(),
            matches: document.matches.iter().map(Self).collect(),
            extra: &fields.extra,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct Parts<'a> {
    #[serde(flatten)]
    own: &'a Document,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<DocumentJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matches: Vec<DocumentJson<'a>>,
    #[serde(flatten)]
    extra: &'a IndexMap<&'a str, FieldJson<'a>>,
}

/// Keys that serde writes for the fields of a document that are set. Chunks and matches are those of `whole`.
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
        ("evaluations", own.docarray.as_ref().is_some_and(|fields| !fields.evaluations.is_empty())),
        ("_metadata", own.docarray.as_ref().is_some_and(|fields| !fields.metadata.is_empty())),
        ("chunks", !whole.chunks.is_empty()),
        ("matches", !whole.matches.is_empty()),
    ];
    set.into_iter().filter(|(_, set)| *set).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ExtraFields;

    #[test]
    fn recorded_fields_are_written_in_their_place_and_the_record_is_not() {
        let mut chunk = Document::new("c").with_tag("page", 2);
        let mut document = Document::new("a").with_tag("own", 1).with_tag("price", 1.5);
        for (document, name, kind) in [(&mut chunk, "page", "integer"), (&mut document, "price", "float")] {
            let mut record = ExtraFields::default();
            record.kinds.insert(name.to_owned(), kind.into());
            record.kinds.insert("unset".to_owned(), "null".into());
            record.kinds.insert("words".to_owned(), "list".into());
            record.write_to(Arc::make_mut(&mut document.tags));
        }
        document.chunks = [chunk].into_iter().collect();
        let written = serde_json::to_value(DocumentJson(&document)).unwrap();
        let expected = json!({"id": "a", "price": 1.5, "words": [], "tags": {"own": 1},
            "chunks": [{"id": "c", "page": 2, "words": []}]});
        assert_eq!(written, expected);
    }

    #[test]
    fn documents_without_a_record_are_written_by_the_sdk() {
        let document = Document::new("a").with_text("t").with_tag("price", 1);
        let written = serde_json::to_string(&DocumentJson(&document)).unwrap();
        assert_eq!(written, serde_json::to_string(&document).unwrap());
    }
}
