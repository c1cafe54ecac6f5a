//! Documents as JSON, in the shape that Jina's HTTP gateway uses: bytes in base64, arrays as nested lists.
//!
//! Keys are written in snake case and read in snake or camel case; unset fields are left out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::{Document, Documents, NamedScore, Tensor};

/// Why a JSON value is not a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be {expected}")]
pub struct JsonError {
    field: String,
    expected: &'static str,
}

impl Document {
    /// The document as a JSON object. Lossless but for the element types of arrays.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        };
        let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
        let list = |list: &Documents| (!list.is_empty()).then(|| list.iter().map(Self::to_json).collect());
        put("id", text(&self.id));
        put("parent_id", text(&self.parent_id));
        put("granularity", (self.granularity > 0).then(|| self.granularity.into()));
        put("adjacency", (self.adjacency > 0).then(|| self.adjacency.into()));
        put("weight", self.weight.map(number));
        put("mime_type", text(&self.mime_type));
        put("uri", text(&self.uri));
        put("text", self.text.as_deref().map(Value::from));
        put("blob", self.blob.as_ref().map(|blob| STANDARD.encode(blob).into()));
        put("tensor", self.tensor.as_ref().map(array));
        put("embedding", self.embedding.as_ref().map(array));
        put("tags", (!self.tags.is_empty()).then(|| Value::Object((*self.tags).clone())));
        put("scores", (!self.scores.is_empty()).then(|| self.scores.iter().map(score).collect()));
        put(
            "location",
            (!self.location.is_empty()).then(|| self.location.iter().copied().map(number).collect()),
        );
        put("offset", self.offset.map(number));
        put("modality", text(&self.modality));
        put("chunks", list(&self.chunks));
        put("matches", list(&self.matches));
        Value::Object(object)
    }

    /// The document that a JSON object stands for. Null stands for unset; keys that no document has are ignored.
    ///
    /// # Errors
    /// [`JsonError`] names the first field with a value of the wrong type.
    pub fn from_json(value: &Value) -> Result<Self, JsonError> {
        let object = value.as_object().ok_or_else(|| wrong("document", "an object"))?;
        let mut document = Self::default();
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            document.set(key, value)?;
        }
        Ok(document)
    }

    /// Sets the field that `key` names.
    fn set(&mut self, key: &str, value: &Value) -> Result<(), JsonError> {
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
                let tags = value.as_object().ok_or_else(|| wrong(key, "an object"))?;
                self.tags = Arc::new(tags.clone());
            }
            "scores" => {
                let scores = value.as_object().ok_or_else(|| wrong(key, "an object"))?;
                for (name, score) in scores {
                    self.scores.insert(name.clone(), named_score(score)?);
                }
            }
            "location" => {
                self.location =
                    items(key, value)?.iter().map(|item| float(key, item)).collect::<Result<_, _>>()?
            }
            "offset" => self.offset = Some(float(key, value)?),
            "modality" => self.modality = string(key, value)?,
            "chunks" => {
                self.chunks = items(key, value)?.iter().map(Self::from_json).collect::<Result<_, _>>()?
            }
            "matches" => {
                self.matches = items(key, value)?.iter().map(Self::from_json).collect::<Result<_, _>>()?
            }
            _ => {}
        }
        Ok(())
    }
}

fn wrong(field: &str, expected: &'static str) -> JsonError {
    JsonError { field: field.to_owned(), expected }
}

/// A float by its shortest decimal text, so that 0.1 is written as 0.1; what JSON cannot say becomes null.
fn number(float: f32) -> Value {
    if float.is_finite() { float.to_string().parse().map_or(Value::Null, Value::Number) } else { Value::Null }
}

fn score((name, score): (&String, &NamedScore)) -> (String, Value) {
    let mut object = Map::new();
    object.insert("value".to_owned(), number(score.value));
    for (key, text) in
        [("op_name", &score.op_name), ("description", &score.description), ("ref_id", &score.ref_id)]
    {
        if !text.is_empty() {
            object.insert(key.to_owned(), text.as_str().into());
        }
    }
    (name.clone(), Value::Object(object))
}

/// The elements as lists within lists, one level for each side; complex elements cannot be said.
fn array(tensor: &Tensor) -> Value {
    fn nested(shape: &[usize], elements: &mut impl Iterator<Item = Value>) -> Value {
        match shape.split_first() {
            None => elements.next().unwrap_or_default(),
            Some((&side, rest)) => (0..side).map(|_| nested(rest, elements)).collect(),
        }
    }
    match (tensor.as_u8(), tensor.to_f32(), tensor.data_type().size()) {
        (Some(bytes), _, _) => nested(tensor.shape(), &mut bytes.iter().map(|&byte| byte.into())),
        (None, Ok(elements), ..=4) => nested(tensor.shape(), &mut elements.iter().copied().map(number)),
        _ => match tensor.to_f64() {
            Ok(elements) => nested(tensor.shape(), &mut elements.into_iter().map(|element| json!(element))),
            Err(_) => Value::Null,
        },
    }
}

fn string(field: &str, value: &Value) -> Result<String, JsonError> {
    value.as_str().map(str::to_owned).ok_or_else(|| wrong(field, "a text"))
}

fn count(field: &str, value: &Value) -> Result<u32, JsonError> {
    crate::Parameter::parse(value).ok_or_else(|| wrong(field, "an integer ≥ 0"))
}

fn float(field: &str, value: &Value) -> Result<f32, JsonError> {
    crate::Parameter::parse(value).ok_or_else(|| wrong(field, "a number"))
}

fn items<'a>(field: &str, value: &'a Value) -> Result<&'a [Value], JsonError> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(field, "a list"))
}

fn bytes(field: &str, value: &Value) -> Result<Vec<u8>, JsonError> {
    value.as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(|| wrong(field, "bytes in base64"))
}

fn named_score(value: &Value) -> Result<NamedScore, JsonError> {
    let text = |snake: &str, camel: &str| {
        let value = value.get(snake).or_else(|| value.get(camel));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Ok(NamedScore {
        value: value.get("value").map_or(Ok(0.0), |value| float("value", value))?,
        op_name: text("op_name", "opName"),
        description: text("description", "description"),
        ref_id: text("ref_id", "refId"),
    })
}

/// Nested lists of numbers as single-precision floats; every list of a level must have the same length.
fn tensor(field: &str, value: &Value) -> Result<Tensor, JsonError> {
    fn shape(value: &Value) -> Vec<usize> {
        let mut sides = Vec::new();
        let mut value = Some(value);
        while let Some(Value::Array(items)) = value {
            sides.push(items.len());
            value = items.first();
        }
        sides
    }
    fn fill(shape: &[usize], value: &Value, elements: &mut Vec<f32>) -> Option<()> {
        match (shape.split_first(), value) {
            (None, value) => elements.push(crate::Parameter::parse(value)?),
            (Some((&side, rest)), Value::Array(items)) if items.len() == side => {
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
    tensor.ok_or_else(|| wrong(field, "an array of numbers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back_as_it_went() {
        let mut document = Document::new("a").with_text("t").with_blob(&b"\x00\xff"[..]).with_tag("n", 3);
        document.tensor = Some(Tensor::from_f32(vec![2, 1, 2], vec![0.1, 1.0, -2.5, 1e-7]).unwrap());
        document.scores.insert("cosine".to_owned(), NamedScore::new(0.1, "VectorIndexer"));
        document.location = vec![0.1];
        document.chunks = [document.chunk(0)].into_iter().collect();
        assert_eq!(Document::from_json(&document.to_json()).unwrap(), document);
    }

    #[test]
    fn jinas_spellings_are_read_and_null_is_unset() {
        let value =
            json!({"mimeType": "image/gif", "parent_id": "p", "text": null, "unknown": [1], "weight": 1});
        let document = Document::from_json(&value).unwrap();
        assert_eq!((document.mime_type.as_str(), document.parent_id.as_str()), ("image/gif", "p"));
        assert_eq!((document.text, document.weight), (None, Some(1.0)));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named() {
        for (value, message) in [
            (json!({"text": 1}), "`text` must be a text"),
            (json!({"tensor": [[1], [1, 2]]}), "`tensor` must be an array of numbers"),
            (json!({"blob": "*"}), "`blob` must be bytes in base64"),
            (json!({"chunks": [{"id": 2}]}), "`id` must be a text"),
            (json!([]), "`document` must be an object"),
        ] {
            assert_eq!(Document::from_json(&value).unwrap_err().to_string(), message);
        }
    }
}
