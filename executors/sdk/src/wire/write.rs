//! From documents to messages.

use serde_json::{Map, Value};

use super::sink::{Part, Sink};
use crate::{Document, NamedScore, Tensor};

impl Part for Document {
    fn write(&self, sink: &mut impl Sink) {
        sink.text(1, &self.id);
        if let Some(blob) = &self.blob {
            sink.set_bytes(2, blob);
        }
        if let Some(tensor) = &self.tensor {
            sink.tensor(3, tensor);
        }
        if let Some(text) = &self.text {
            sink.set_bytes(4, text.as_bytes());
        }
        sink.number(5, self.granularity);
        sink.number(6, self.adjacency);
        sink.text(7, &self.parent_id);
        sink.optional_float(8, self.weight);
        sink.text(9, &self.uri);
        sink.text(10, &self.modality);
        sink.text(11, &self.mime_type);
        sink.optional_float(12, self.offset);
        if !self.location.is_empty() {
            sink.begin(13, self.location.len() * 4);
            self.location.iter().for_each(|side| sink.put(&side.to_le_bytes()));
        }
        self.chunks.iter().for_each(|chunk| sink.message(14, chunk));
        self.matches.iter().for_each(|found| sink.message(15, found));
        if let Some(embedding) = &self.embedding {
            sink.tensor(16, embedding);
        }
        if !self.tags.is_empty() {
            sink.message(17, &Entries(&self.tags));
        }
        self.scores.iter().for_each(|entry| sink.message(18, &Entry(entry.0, entry.1)));
    }
}

/// An entry of a map from texts to messages.
struct Entry<'a, T>(&'a str, &'a T);

impl<T: Part> Part for Entry<'_, T> {
    fn write(&self, sink: &mut impl Sink) {
        sink.text(1, self.0);
        sink.message(2, self.1);
    }
}

impl Part for NamedScore {
    fn write(&self, sink: &mut impl Sink) {
        sink.optional_float(1, (self.value.to_bits() != 0).then_some(self.value));
        sink.text(2, &self.op_name);
        sink.text(3, &self.description);
        sink.text(4, &self.ref_id);
    }
}

/// Clients read an array of no framework back as nothing.
const FRAMEWORK: &str = "numpy";

impl Part for Tensor {
    fn write(&self, sink: &mut impl Sink) {
        sink.message(1, &Dense(self));
        sink.text(3, FRAMEWORK);
    }
}

/// The array itself.
struct Dense<'a>(&'a Tensor);

impl Part for Dense<'_> {
    fn write(&self, sink: &mut impl Sink) {
        let Self(tensor) = self;
        if !tensor.is_empty() {
            sink.set_bytes(1, tensor.data());
        }
        if !tensor.shape().is_empty() {
            sink.packed(2, tensor.shape().iter().map(|&side| side as u64));
        }
        sink.text(3, &tensor.data_type().name());
    }
}

/// A JSON object as a `Struct`. The entries stand in the order of their names, so that equal objects are equal bytes.
pub(super) struct Entries<'a>(pub(super) &'a Map<String, Value>);

impl Part for Entries<'_> {
    fn write(&self, sink: &mut impl Sink) {
        let mut write = |(name, value): (&String, &Value)| sink.message(1, &Entry(name, value));
        if self.0.keys().is_sorted() {
            self.0.iter().for_each(write);
            return;
        }
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted.into_iter().for_each(&mut write);
    }
}

impl Part for Value {
    fn write(&self, sink: &mut impl Sink) {
        match self {
            Self::Null => sink.varint(1, 0),
            // Numbers become doubles, as everywhere in a `Struct`.
            Self::Number(number) => sink.fixed(2, &number.as_f64().unwrap_or(f64::NAN).to_le_bytes()),
            Self::String(text) => sink.set_bytes(3, text.as_bytes()),
            Self::Bool(truth) => sink.varint(4, (*truth).into()),
            Self::Object(entries) => sink.message(5, &Entries(entries)),
            Self::Array(items) => sink.message(6, &Items(items)),
        }
    }
}

/// The items of a list.
struct Items<'a>(&'a [Value]);

impl Part for Items<'_> {
    fn write(&self, sink: &mut impl Sink) {
        self.0.iter().for_each(|item| sink.message(1, item));
    }
}
