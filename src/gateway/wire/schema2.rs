//! Documents of docarray's second schema as JSON: objects with the fields of a document class that the user defines.
//!
//! Fields become those of flowrun's documents under the same conditions as over gRPC
//! (`flowrun_wire::decode_documents`), so that an executor gets the same document over every protocol. The exception are
//! fields of many numbers, see [`ExtraFields`]. Bytes are text and scores are numbers, as docarray writes them.

use std::sync::Arc;

use flowrun_sdk::{Document, JsonError, NamedScore, Tags};
use flowrun_wire::{ExtraFields, KIND_TAGS, RecordedFields, bytes_as_text};
use serde_json::{Map, Value};

/// Reads a document. A value that does not fit the field of its name is preserved like an unknown field.
///
/// # Errors
/// When the value is not an object, or an unknown field is nested too deeply.
pub(super) fn read_document(value: &Value) -> Result<Document, JsonError> {
    read_with_nodes(value, Map::new())
}

/// Reads a document with fields that `value` does not have: base64 of their messages, see [`ExtraFields::nodes`].
///
/// # Errors
/// Like [`read_document`].
pub(super) fn read_with_nodes(value: &Value, nodes: Map<String, Value>) -> Result<Document, JsonError> {
    let Some(object) = value.as_object() else { return Document::from_json(value) };
    let mut document = Document::default();
    let (mut tags, mut fields) = (Tags::new(), ExtraFields { nodes, ..ExtraFields::default() });
    // First, so that no other field claims the name of a tag.
    match object.get(KIND_TAGS) {
        Some(Value::Object(entries)) => {
            tags.clone_from(entries);
            fields.kinds.insert(KIND_TAGS.to_owned(), KIND_TAGS.into());
        }
        Some(value) => fields.insert_json(KIND_TAGS, value, &mut tags)?,
        None => {}
    }
    for (name, value) in object.iter().filter(|(name, _)| *name != KIND_TAGS) {
        if !set_field(&mut document, name, value)? {
            fields.insert_json(name, value, &mut tags)?;
        } else if name == "url" {
            // The empty type records the name under which `uri` was sent.
            fields.types.insert(name.clone(), "".into());
        }
    }
    fields.write_to(&mut tags);
    document.tags = Arc::new(tags);
    Ok(document)
}

/// Sets the field `name`; `false` if documents have no such field, `value` does not fit it, or the field is set already
/// (`uri` and `url` are the same field).
///
/// # Errors
/// When a chunk or a match has an unknown field that is nested too deeply.
fn set_field(document: &mut Document, name: &str, value: &Value) -> Result<bool, JsonError> {
    match (name, value) {
        ("text", Value::String(text)) => document.text = Some(text.as_str().into()),
        ("blob", Value::String(text)) => document.blob = Some(text.clone().into_bytes().into()),
        ("chunks" | "matches", Value::Array(items)) if is_objects(items) => {
            let documents = items.iter().map(read_document).collect::<Result<_, _>>()?;
            *(if name == "chunks" { &mut document.chunks } else { &mut document.matches }) = documents;
        }
        ("scores", Value::Object(entries)) => match scores(entries) {
            Some(scores) => document.scores = scores,
            None => return Ok(false),
        },
        ("tensor" | "embedding", Value::Array(items)) if !items.is_empty() => {
            return Ok(document.set_json_field(name, value).is_ok());
        }
        ("id" | "uri" | "url" | "mime_type" | "modality" | "parent_id", Value::String(text)) => {
            let field = match name {
                "id" => &mut document.id,
                "mime_type" => &mut document.mime_type,
                "modality" => &mut document.modality,
                "parent_id" => &mut document.parent_id,
                _ => &mut document.uri,
            };
            if text.is_empty() || !field.is_empty() {
                return Ok(false);
            }
            field.clone_from(text);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn is_objects(items: &[Value]) -> bool {
    !items.is_empty() && items.iter().all(Value::is_object)
}

/// Converts an object to scores; `None` unless every value is a number that single precision represents exactly.
fn scores(entries: &Map<String, Value>) -> Option<indexmap::IndexMap<String, NamedScore>> {
    let score = |(name, value): (&String, &Value)| {
        let value = value.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "compared with the original before use")]
        let single = value as f32;
        #[expect(clippy::float_cmp, reason = "only an exact conversion is reversible")]
        (f64::from(single) == value).then(|| (name.clone(), NamedScore::new(single, "")))
    };
    if entries.is_empty() { None } else { entries.iter().map(score).collect() }
}

/// Removes the fields of a document that the second schema writes in another way: its blob, its scores, and a URI that
/// was sent as `url`. Returns them as that schema writes them. `record` is the document's record of extra fields.
pub(super) fn take_differing_fields(
    document: &mut Document,
    record: Option<RecordedFields<'_>>,
) -> impl Iterator<Item = (&'static str, Value)> {
    let blob = document.blob.take().map(|bytes| bytes_as_text(&bytes).into());
    let scores = std::mem::take(&mut document.scores);
    let values = scores.into_iter().map(|(name, score)| (name, score.value.into())).collect::<Map<_, _>>();
    let scores = (!values.is_empty()).then_some(Value::Object(values));
    let sent_url = record.is_some_and(|record| record.python_type("url").is_some());
    let url =
        sent_url.then(|| std::mem::take(&mut document.uri)).filter(|url| !url.is_empty()).map(Value::from);
    [("blob", blob), ("scores", scores), ("url", url)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::json_document::{DocumentForm, JsonDocument};
    use super::*;

    fn written(document: &Document) -> Value {
        serde_json::to_value(JsonDocument::new(document, DocumentForm::Schema2)).unwrap()
    }

    #[test]
    fn values_that_do_not_fit_a_field_of_their_name_are_returned_as_sent() {
        let sent = json!({
            "id": "a", "tags": ["x"], "scores": [0.5], "location": "Berlin", "weight": 0.1, "tensor": "none", "text": 3,
            "chunks": {"a": 1}, "matches": [1], "uri": "", "__secret": 1, "blob": 7, "embedding": [],
        });
        assert_eq!(written(&read_document(&sent).unwrap()), sent);
    }

    #[test]
    fn bytes_scores_and_urls_are_read_and_written_as_docarray_does() {
        let sent = json!({"id": "a", "blob": "raw", "scores": {"cosine": 0.5}, "url": "http://x/y.png", "embedding": [0.5, 1.0]});
        let document = read_document(&sent).unwrap();
        assert_eq!((document.blob.as_deref(), document.uri.as_str()), (Some(&b"raw"[..]), "http://x/y.png"));
        assert!((document.scores["cosine"].value - 0.5).abs() < f32::EPSILON);
        assert_eq!(written(&document), sent);
    }
}
