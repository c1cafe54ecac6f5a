//! Conversion of documents to JSON. Arrays are serialized directly: a frame of pixels must not become a million JSON values
//! first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use crate::{Document, NamedScore, Tensor};

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        macro_rules! put {
            ($name:literal, $set:expr, $value:expr) => {
                if $set {
                    map.serialize_entry($name, &$value)?;
                }
            };
        }
        put!("id", !self.id.is_empty(), self.id);
        put!("parent_id", !self.parent_id.is_empty(), self.parent_id);
        put!("granularity", self.granularity > 0, self.granularity);
        put!("adjacency", self.adjacency > 0, self.adjacency);
        put!("weight", self.weight.is_some(), self.weight);
        put!("mime_type", !self.mime_type.is_empty(), self.mime_type);
        put!("uri", !self.uri.is_empty(), self.uri);
        put!("text", self.text.is_some(), self.text.as_deref());
        put!("blob", self.blob.is_some(), self.blob.as_ref().map(|blob| STANDARD.encode(blob)));
        put!("tensor", self.tensor.is_some(), self.tensor);
        put!("embedding", self.embedding.is_some(), self.embedding);
        put!("tags", !self.tags.is_empty(), *self.tags);
        put!("scores", !self.scores.is_empty(), self.scores);
        let docarray = self.docarray.as_deref();
        let evaluations = docarray.map(|fields| &fields.evaluations).filter(|scores| !scores.is_empty());
        put!("evaluations", evaluations.is_some(), evaluations);
        let metadata = docarray.map(|fields| &fields.metadata).filter(|metadata| !metadata.is_empty());
        put!("_metadata", metadata.is_some(), metadata);
        put!("location", !self.location.is_empty(), self.location);
        put!("offset", self.offset.is_some(), self.offset);
        put!("modality", !self.modality.is_empty(), self.modality);
        put!("chunks", !self.chunks.is_empty(), *self.chunks);
        put!("matches", !self.matches.is_empty(), *self.matches);
        map.end()
    }
}

impl Serialize for NamedScore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts =
            [("op_name", &self.op_name), ("description", &self.description), ("ref_id", &self.ref_id)];
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &self.value)?;
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

/// Nested lists of the elements, one level per axis. Complex elements become null.
impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tensor = self;
        let shape = tensor.shape();
        if let Some(elements) = tensor.as_u8() {
            return Level { shape, elements }.serialize(serializer);
        }
        // Single precision represents these floats exactly, and displays them shortest.
        if tensor.data_type().size() <= 4 && tensor.data_type().kind() == crate::ElementKind::Float {
            return match tensor.to_f32() {
                Ok(elements) => Level { shape, elements: &elements }.serialize(serializer),
                Err(_) => serializer.serialize_none(),
            };
        }
        match tensor.to_f64() {
            Ok(elements) if tensor.data_type().kind() == crate::ElementKind::Float => {
                Level { shape, elements: &elements }.serialize(serializer)
            }
            Ok(elements) => {
                #[expect(clippy::cast_possible_truncation, reason = "they were integers")]
                let elements: Vec<i64> = elements.into_iter().map(|element| element as i64).collect();
                Level { shape, elements: &elements }.serialize(serializer)
            }
            Err(_) => serializer.serialize_none(),
        }
    }
}

/// The elements of one level: a number after the last axis.
struct Level<'a, T> {
    shape: &'a [usize],
    elements: &'a [T],
}

impl<T: Serialize> Serialize for Level<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&size, rest)) = self.shape.split_first() else {
            return self.elements.first().serialize(serializer);
        };
        let mut list = serializer.serialize_seq(Some(size))?;
        let row_length = self.elements.len() / size.max(1);
        let mut elements = self.elements;
        for _ in 0..size {
            let (row, rest_of_rows) = elements.split_at(row_length.min(elements.len()));
            list.serialize_element(&Level { shape: rest, elements: row })?;
            elements = rest_of_rows;
        }
        list.end()
    }
}
