//! Fields of a document by docarray's paths: `text`, `weight`, `tags__price`, `tags__size__height`, `tags__list__0`,
//! `scores__cosine__value`.

use serde_json::Value;

use super::fields::{FieldLookup, FieldValue};
use crate::Document;

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
        if let Some((field, rest)) = path.split_once(STEP) {
            return match field {
                "tags" => tag_value(self, rest),
                "scores" => score_value(self, rest),
                _ => FieldValue::Missing,
            };
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
        let is_own_field = !path.contains(STEP);
        match self.field(path) {
            FieldValue::Missing => false,
            FieldValue::Text(text) => !(is_own_field && text.is_empty()),
            FieldValue::Collection(count) => !(is_own_field && count == 0),
            FieldValue::Bool(_) | FieldValue::Number(_) => true,
        }
    }
}

/// Looks up a tag. Names of tags can contain the separator: the whole path is tried before its first step.
fn tag_value<'a>(document: &'a Document, path: &str) -> FieldValue<'a> {
    match document.tags.get(path) {
        Some(value) => FieldValue::from_json(value),
        None => {
            let Some((first, rest)) = path.split_once(STEP) else { return FieldValue::Missing };
            document
                .tags
                .get(first)
                .and_then(|value| nested_value(value, rest))
                .map_or(FieldValue::Missing, FieldValue::from_json)
        }
    }
}

fn nested_value<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let step = |value: &'a Value, step: &str| match value {
        Value::Object(entries) => entries.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    };
    path.split(STEP).try_fold(value, step)
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
