//! Encodes documents as messages of docarray's first schema: the fields of each message, in ascending order.

use serde_json::{Map, Value};

use super::sink::{Encode, FieldSink};
use crate::{Document, NamedScore, Tensor};

impl Encode for Document {
    fn encode(&self, sink: &mut impl FieldSink) {
        sink.string(1, &self.id);
        if let Some(blob) = &self.blob {
            sink.bytes(2, blob);
        }
        if let Some(tensor) = &self.tensor {
            sink.tensor(3, tensor);
        }
        if let Some(text) = &self.text {
            sink.bytes(4, text.as_bytes());
        }
        sink.uint32(5, self.granularity);
        sink.uint32(6, self.adjacency);
        sink.string(7, &self.parent_id);
        sink.optional_float(8, self.weight);
        sink.string(9, &self.uri);
        sink.string(10, &self.modality);
        sink.string(11, &self.mime_type);
        sink.optional_float(12, self.offset);
        if !self.location.is_empty() {
            sink.begin(13, self.location.len() * 4);
            self.location.iter().for_each(|coordinate| sink.put(&coordinate.to_le_bytes()));
        }
        self.chunks.iter().for_each(|chunk| sink.message(14, chunk));
        self.matches.iter().for_each(|found| sink.message(15, found));
        if let Some(embedding) = &self.embedding {
            sink.tensor(16, embedding);
        }
        if !self.tags.is_empty() {
            sink.message(17, &Object(&self.tags));
        }
        self.scores.iter().for_each(|entry| sink.message(18, &Entry(entry.0, entry.1)));
        if let Some(fields) = &self.docarray {
            fields.evaluations.iter().for_each(|entry| sink.message(19, &Entry(entry.0, entry.1)));
            if !fields.metadata.is_empty() {
                sink.message(20, &Object(&fields.metadata));
            }
        }
    }
}

/// Entry of a map from strings to messages.
struct Entry<'a, T>(&'a str, &'a T);

impl<T: Encode> Encode for Entry<'_, T> {
    fn encode(&self, sink: &mut impl FieldSink) {
        sink.string(1, self.0);
        sink.message(2, self.1);
    }
}

impl Encode for NamedScore {
    fn encode(&self, sink: &mut impl FieldSink) {
        sink.optional_float(1, (self.value.to_bits() != 0).then_some(self.value));
        sink.string(2, &self.op_name);
        sink.string(3, &self.description);
        sink.string(4, &self.ref_id);
    }
}

/// Clients of docarray decode an array without a framework as `None`.
const FRAMEWORK: &str = "numpy";

impl Encode for Tensor {
    fn encode(&self, sink: &mut impl FieldSink) {
        sink.message(1, &Dense(self));
        sink.string(3, FRAMEWORK);
    }
}

/// The data of an array.
struct Dense<'a>(&'a Tensor);

impl Encode for Dense<'_> {
    fn encode(&self, sink: &mut impl FieldSink) {
        let Self(tensor) = self;
        if !tensor.is_empty() {
            sink.bytes(1, tensor.data());
        }
        if !tensor.shape().is_empty() {
            sink.packed(2, tensor.shape().iter().map(|&size| size as u64));
        }
        sink.string(3, &tensor.data_type().name());
    }
}

/// A JSON object as a `Struct`. Entries are sorted by name, so that equal objects have equal encodings.
pub(super) struct Object<'a>(pub(super) &'a Map<String, Value>);

impl Encode for Object<'_> {
    fn encode(&self, sink: &mut impl FieldSink) {
        let mut encode = |(name, value): (&String, &Value)| sink.message(1, &Entry(name, value));
        if self.0.keys().is_sorted() {
            self.0.iter().for_each(encode);
            return;
        }
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted.into_iter().for_each(&mut encode);
    }
}

impl Encode for Value {
    fn encode(&self, sink: &mut impl FieldSink) {
        match self {
            Self::Null => sink.varint(1, 0),
            // `Struct` has no integers.
            Self::Number(number) => sink.fixed(2, &number.as_f64().unwrap_or(f64::NAN).to_le_bytes()),
            Self::String(text) => sink.bytes(3, text.as_bytes()),
            Self::Bool(value) => sink.varint(4, (*value).into()),
            Self::Object(entries) => sink.message(5, &Object(entries)),
            Self::Array(items) => sink.message(6, &Items(items)),
        }
    }
}

/// Items of a JSON array.
struct Items<'a>(&'a [Value]);

impl Encode for Items<'_> {
    fn encode(&self, sink: &mut impl FieldSink) {
        self.0.iter().for_each(|item| sink.message(1, item));
    }
}
