//! Conversion of JSON to documents.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::{Document, Documents, NamedScore, Tensor};

/// Reason why a JSON value is not a document: the name of a field, and the values that it accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {expected}")]
pub struct JsonError {
    field: String,
    expected: &'static str,
}

impl JsonError {
    /// Creates the error of a field whose value is not `expected`, as in "`field` must be `expected`".
    #[must_use]
    pub fn new(field: impl Into<String>, expected: &'static str) -> Self {
        Self { field: field.into(), expected }
    }
}

impl Document {
    /// Converts a JSON object to a document. Null means unset; unknown keys become tags, at every depth. Chunks without a
    /// parent id get the id of the document that contains them.
    ///
    /// # Errors
    /// [`JsonError`] for the first field with a value of the wrong type, and for an unknown key that `tags` has too.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        Self::read_json(value, UnknownKeys::Tags)
    }

    /// Like [`Document::from_json`], but ignores unknown keys, for callers that preserve them themselves.
    ///
    /// # Errors
    /// [`JsonError`] for the first field with a value of the wrong type.
    pub fn from_json_known_keys(value: &Value) -> Result<Self, JsonError> {
        Self::read_json(value, UnknownKeys::Ignored)
    }

    fn read_json(value: &Value, unknown_keys: UnknownKeys) -> Result<Self, JsonError> {
        let object = value.as_object().ok_or_else(|| JsonError::new("document", "an object"))?;
        let mut document = Self::default();
        let mut unknown = Vec::new();
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            if !document.set_known_field(key, value, unknown_keys)? {
                unknown.push((key, value));
            }
        }
        if unknown_keys == UnknownKeys::Tags {
            for (key, value) in unknown {
                if document.tags_mut().insert(key.clone(), value.clone()).is_some() {
                    return Err(JsonError::new(key, "a key of the document or one of its tags, not both"));
                }
            }
        }
        document.set_parent_ids();
        Ok(document)
    }

    /// Sets the field with the name `key`; an unknown key is ignored.
    ///
    /// # Errors
    /// [`JsonError`] if the value has the wrong type.
    pub fn set_json_field(&mut self, key: &str, value: &Value) -> Result<(), JsonError> {
        self.set_known_field(key, value, UnknownKeys::Ignored).map(|_| ())
    }

    /// Sets the field with the name `key`. Returns false if there is none; `unknown_keys` is for documents in the value.
    fn set_known_field(
        &mut self,
        key: &str,
        value: &Value,
        unknown_keys: UnknownKeys,
    ) -> Result<bool, JsonError> {
        let documents = || -> Result<Documents, JsonError> {
            items(key, value)?.iter().map(|item| Self::read_json(item, unknown_keys)).collect()
        };
        match key {
            "id" => self.id = string(key, value)?,
            "parent_id" | "parentId" => self.parent_id = string(key, value)?,
            "granularity" => self.granularity = count(key, value)?,
            "adjacency" => self.adjacency = count(key, value)?,
            "weight" => self.weight = Some(float(key, value)?),
            "mime_type" | "mimeType" => self.mime_type = string(key, value)?,
            "uri" => self.uri = string(key, value)?,
            "text" => self.text = Some(string(key, value)?.into()),
            "blob" => self.blob = Some(bytes(key, value)?.into()),
            "tensor" => self.tensor = Some(tensor(key, value)?),
            "embedding" => self.embedding = Some(tensor(key, value)?),
            "tags" => {
                self.tags = Arc::new(object(key, value)?.clone());
            }
            "scores" => {
                for (name, score) in object(key, value)? {
                    self.scores.insert(name.clone(), named_score(score)?);
                }
            }
            "evaluations" => {
                for (name, score) in object(key, value)? {
                    self.docarray_mut().evaluations.insert(name.clone(), named_score(score)?);
                }
            }
            "_metadata" => {
                let metadata = object(key, value)?;
                if !metadata.is_empty() {
                    self.docarray_mut().metadata.clone_from(metadata);
                }
            }
            "location" => {
                self.location =
                    items(key, value)?.iter().map(|item| float(key, item)).collect::<Result<_, _>>()?
            }
            "offset" => self.offset = Some(float(key, value)?),
            "modality" => self.modality = string(key, value)?,
            "chunks" => self.chunks = documents()?,
            "matches" => self.matches = documents()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Handling of keys that are no field of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnknownKeys {
    /// They become tags.
    Tags,
    /// They are ignored.
    Ignored,
}

fn string(field: &str, value: &Value) -> Result<String, JsonError> {
    value.as_str().map(str::to_owned).ok_or_else(|| JsonError::new(field, "a text"))
}

fn count(field: &str, value: &Value) -> Result<u32, JsonError> {
    crate::Parameter::parse(value).ok_or_else(|| JsonError::new(field, "an integer ≥ 0"))
}

fn float(field: &str, value: &Value) -> Result<f32, JsonError> {
    crate::Parameter::parse(value).ok_or_else(|| JsonError::new(field, "a number"))
}

fn object<'a>(field: &str, value: &'a Value) -> Result<&'a Map<String, Value>, JsonError> {
    value.as_object().ok_or_else(|| JsonError::new(field, "an object"))
}

fn items<'a>(field: &str, value: &'a Value) -> Result<&'a [Value], JsonError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| JsonError::new(field, "a list"))
}

fn bytes(field: &str, value: &Value) -> Result<Vec<u8>, JsonError> {
    value.as_str().and_then(decode_base64).ok_or_else(|| JsonError::new(field, "bytes in base64"))
}

/// Decodes base64 with or without line breaks, which Python's encoders for MIME insert.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().or_else(|| {
        let joined: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode(joined).ok()
    })
}

fn named_score(value: &Value) -> Result<NamedScore, JsonError> {
    let text = |snake: &str, camel: &str| {
        let value = value.get(snake).or_else(|| value.get(camel));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(NamedScore {
        value: value
            .get("value")
            .filter(|value| !value.is_null())
            .map_or(Ok(0.0), |value| float("value", value))?,
        op_name: text("op_name", "opName"),
        description: text("description", "description"),
        ref_id: text("ref_id", "refId"),
    })
}

/// Converts nested lists of numbers to single-precision floats. All lists of a level must have the same length.
fn tensor(field: &str, value: &Value) -> Result<Tensor, JsonError> {
    fn shape(value: &Value) -> Vec<usize> {
        let mut sizes = Vec::new();
        let mut value = Some(value);
        while let Some(Value::Array(items)) = value {
            sizes.push(items.len());
            value = items.first();
        }
        sizes
    }
    fn fill(shape: &[usize], value: &Value, elements: &mut Vec<f32>) -> Option<()> {
        match (shape.split_first(), value) {
            (None, value) => elements.push(crate::Parameter::parse(value)?),
            (Some((&size, rest)), Value::Array(items)) if items.len() == size => {
                items.iter().try_for_each(|item| fill(rest, item, elements))?;
            }
            _ => return None,
        }
        Some(())
    }
    let shape = shape(value);
    let mut elements = Vec::new();
    let filled = fill(&shape, value, &mut elements);
    let tensor = filled.and_then(|()| Tensor::from_f32(shape, elements).ok());
    tensor.ok_or_else(|| JsonError::new(field, "an array of numbers"))
}
