//! The fields of a document, as docarray names the way to them: `text`, `weight`, `tags__price`,
//! `tags__size__height`, `tags__list__0`, `scores__cosine__value`.

use serde_json::Value;

use super::{Fields, Found};
use crate::Document;

/// The fields that a path may begin with.
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

/// What stands between the steps of a path.
const STEP: &str = "__";

impl Fields for Document {
    fn find(&self, path: &str) -> Found<'_> {
        let number =
            |number: Option<f32>| number.map_or(Found::Nothing, |number| Found::Number(number.into()));
        if let Some((field, rest)) = path.split_once(STEP) {
            return match field {
                "tags" => in_tags(self, rest),
                "scores" => in_scores(self, rest),
                _ => Found::Nothing,
            };
        }
        match path {
            "id" => Found::Text(&self.id),
            "parent_id" => Found::Text(&self.parent_id),
            "granularity" => Found::Number(self.granularity.into()),
            "adjacency" => Found::Number(self.adjacency.into()),
            "weight" => number(self.weight),
            "mime_type" => Found::Text(&self.mime_type),
            "uri" => Found::Text(&self.uri),
            "text" => Found::Text(self.text.as_deref().unwrap_or_default()),
            "modality" => Found::Text(&self.modality),
            "offset" => number(self.offset),
            "blob" => self.blob.as_ref().map_or(Found::Nothing, |blob| Found::Several(blob.len())),
            "tensor" | "embedding" => {
                let tensor = if path == "tensor" { &self.tensor } else { &self.embedding };
                let rows = |tensor: &crate::Tensor| tensor.shape().first().copied().unwrap_or(1);
                tensor.as_ref().map_or(Found::Nothing, |tensor| Found::Several(rows(tensor)))
            }
            "tags" => Found::Several(self.tags.len()),
            "scores" => Found::Several(self.scores.len()),
            "location" => Found::Several(self.location.len()),
            "chunks" => Found::Several(self.chunks.len()),
            "matches" => Found::Several(self.matches.len()),
            _ => Found::Nothing,
        }
    }

    /// What is empty is not there, but for tags: a tag is there when it has a value.
    fn has(&self, path: &str) -> bool {
        let empty = !path.contains(STEP);
        match self.find(path) {
            Found::Nothing => false,
            Found::Text(text) => !(empty && text.is_empty()),
            Found::Several(count) => !(empty && count == 0),
            Found::Truth(_) | Found::Number(_) => true,
        }
    }
}

/// The tag that a path leads to. A name may have the separator in it: the longest one that is there wins.
fn in_tags<'a>(document: &'a Document, path: &str) -> Found<'a> {
    match document.tags.get(path) {
        Some(value) => Found::of(value),
        None => {
            let Some((first, rest)) = path.split_once(STEP) else { return Found::Nothing };
            document.tags.get(first).and_then(|value| below(value, rest)).map_or(Found::Nothing, Found::of)
        }
    }
}

fn below<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let step = |value: &'a Value, step: &str| match value {
        Value::Object(entries) => entries.get(step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    };
    path.split(STEP).try_fold(value, step)
}

fn in_scores<'a>(document: &'a Document, path: &str) -> Found<'a> {
    let (name, field) = path.split_once(STEP).unwrap_or((path, "value"));
    let Some(score) = document.scores.get(name) else { return Found::Nothing };
    match field {
        "value" => Found::Number(score.value.into()),
        "op_name" => Found::Text(&score.op_name),
        "description" => Found::Text(&score.description),
        "ref_id" => Found::Text(&score.ref_id),
        _ => Found::Nothing,
    }
}
