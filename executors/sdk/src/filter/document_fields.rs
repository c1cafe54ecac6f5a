//! Fields of a document by docarray's paths: `text`, `weight`, `tags__price`, `tags__size__height`, `tags__list__0`,
//! `scores__cosine__value`; of tags also by those of [`super::tag_path`].

use super::fields::{FieldLookup, FieldValue};
use super::tag_path::{find_tag, without_tags_prefix};
use crate::{Document, Tags};

/// Fields that a path can begin with.
pub const DOCUMENT_FIELDS: [&str; 18] = [
    "id",
    "parent_id",
    "granularity",
    "adjacency",
    "weight",
    "mime_type",
    "uri",
    "text",
    "blob",
    "tensor",
    "embedding",
    "tags",
    "scores",
    "location",
    "offset",
    "modality",
    "chunks",
    "matches",
];

/// Separator of the steps of a path.
const STEP: &str = "__";

impl FieldLookup for Document {
    fn field(&self, path: &str) -> FieldValue<'_> {
        let number = |number: Option<f32>| {
            number.map_or(FieldValue::Missing, |number| FieldValue::Number(number.into()))
        };
        if without_tags_prefix(path).is_some() {
            return self.tags.field(path);
        }
        if let Some((field, rest)) = path.split_once(STEP) {
            return if field == "scores" { score_value(self, rest) } else { FieldValue::Missing };
        }
        match path {
            "id" => FieldValue::Text(&self.id),
            "parent_id" => FieldValue::Text(&self.parent_id),
            "granularity" => FieldValue::Number(self.granularity.into()),
            "adjacency" => FieldValue::Number(self.adjacency.into()),
            "weight" => number(self.weight),
            "mime_type" => FieldValue::Text(&self.mime_type),
            "uri" => FieldValue::Text(&self.uri),
            "text" => FieldValue::Text(self.text.as_deref().unwrap_or_default()),
            "modality" => FieldValue::Text(&self.modality),
            "offset" => number(self.offset),
            "blob" => {
                self.blob.as_ref().map_or(FieldValue::Missing, |blob| FieldValue::Collection(blob.len()))
            }
            "tensor" | "embedding" => {
                let tensor = if path == "tensor" { &self.tensor } else { &self.embedding };
                let rows = |tensor: &crate::Tensor| tensor.shape().first().copied().unwrap_or(1);
                tensor.as_ref().map_or(FieldValue::Missing, |tensor| FieldValue::Collection(rows(tensor)))
            }
            "tags" => FieldValue::Collection(self.tags.len()),
            "scores" => FieldValue::Collection(self.scores.len()),
            "location" => FieldValue::Collection(self.location.len()),
            "chunks" => FieldValue::Collection(self.chunks.len()),
            "matches" => FieldValue::Collection(self.matches.len()),
            _ => FieldValue::Missing,
        }
    }

    /// Empty fields do not exist, except for tags, which exist if they are not null.
    fn has_field(&self, path: &str) -> bool {
        let is_own_field = DOCUMENT_FIELDS.contains(&path);
        match self.field(path) {
            FieldValue::Missing => false,
            FieldValue::Text(text) => !(is_own_field && text.is_empty()),
            FieldValue::Collection(count) => !(is_own_field && count == 0),
            FieldValue::Bool(_) | FieldValue::Number(_) | FieldValue::List(_) => true,
        }
    }
}

/// Returns `true` if a name in a filter refers to a field of documents, provided that no tag has the name.
pub fn is_document_field(name: &str) -> bool {
    DOCUMENT_FIELDS.contains(&name) || name.split_once(STEP).is_some_and(|(field, _)| field == "scores")
}

/// A stored document, as the filters of an index see it: its tags under every spelling of their names (see [`find_tag`]), and
/// its fields, such as `id` and `text`, where no tag has the name.
#[derive(Clone, Copy, Debug)]
pub struct StoredDocument<'a> {
    /// Id of the document.
    pub id: &'a str,
    /// Its tags.
    pub tags: &'a Tags,
    /// The whole document; may be missing if the filter reads only tags and ids, see [`Filter::reads_fields`].
    ///
    /// [`Filter::reads_fields`]: super::Filter::reads_fields
    pub document: Option<&'a Document>,
}

impl FieldLookup for StoredDocument<'_> {
    fn field(&self, name: &str) -> FieldValue<'_> {
        match (find_tag(self.tags, name), self.document) {
            (Some(value), _) => FieldValue::from_json(value),
            (None, _) if name == "id" => FieldValue::Text(self.id),
            (None, document) => document.map_or(FieldValue::Missing, |document| document.field(name)),
        }
    }

    fn has_field(&self, name: &str) -> bool {
        match (find_tag(self.tags, name), self.document) {
            (Some(value), _) => !value.is_null(),
            (None, _) if name == "id" => true,
            (None, document) => document.is_some_and(|document| document.has_field(name)),
        }
    }
}

fn score_value<'a>(document: &'a Document, path: &str) -> FieldValue<'a> {
    let (name, field) = path.split_once(STEP).unwrap_or((path, "value"));
    let Some(score) = document.scores.get(name) else { return FieldValue::Missing };
    match field {
        "value" => FieldValue::Number(score.value.into()),
        "op_name" => FieldValue::Text(&score.op_name),
        "description" => FieldValue::Text(&score.description),
        "ref_id" => FieldValue::Text(&score.ref_id),
        _ => FieldValue::Missing,
    }
}
