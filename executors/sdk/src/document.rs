//! One document: what flows through a flow, is stored in an index and comes back as a result.
//!
//! A document is a tree: its *chunks* are its parts (frames of a clip, crops of a picture, sentences of a
//! text), its *matches* are the documents that a search found for it. Payloads are reference-counted, so
//! cloning a document copies its short strings and shares everything heavy.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{Documents, Tensor};

/// Names and values attached to a document: a JSON object.
pub type Tags = Map<String, Value>;

/// A document. An empty string, `None` and an empty list mean that the field is not set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Names the document: writing the same id twice replaces the first.
    pub id: String,
    /// The document that this one is a chunk of.
    pub parent_id: String,
    /// How many steps of `chunks` lead from the root to here.
    pub granularity: u32,
    /// How many steps of `matches` lead from the root to here.
    pub adjacency: u32,
    /// How much it counts among its siblings.
    pub weight: Option<f32>,
    /// Media type of the content, for example `image/gif`.
    pub mime_type: String,
    /// Where the content is: a path, a `file:` or a `data:` URI.
    pub uri: String,
    /// Content as text.
    pub text: Option<Arc<str>>,
    /// Content as bytes, for example an encoded image.
    pub blob: Option<Bytes>,
    /// Content as an array, for example the decoded pixels of an image.
    pub tensor: Option<Tensor>,
    /// What an encoder made of the content: a vector of floats.
    pub embedding: Option<Tensor>,
    /// Names and values of the user's own.
    pub tags: Arc<Tags>,
    /// Scores by the name of what was measured: distances of a match, relevance from a ranker.
    pub scores: IndexMap<String, NamedScore>,
    /// Position in the parent, by the meaning that the cutter gave it (x, y, width, height, …).
    pub location: Vec<f32>,
    /// Position in the parent along its one axis: frame number, sentence number, …
    pub offset: Option<f32>,
    /// Which kind of content this is, when a flow tells several apart.
    pub modality: String,
    /// The parts of this document.
    pub chunks: Documents,
    /// What a search found for this document, best first.
    pub matches: Documents,
}

/// A score and where it came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedScore {
    /// The number. Whether small or large is good depends on what was measured.
    pub value: f32,
    /// The executor or operation that computed it.
    pub op_name: String,
    /// Anything worth telling a person.
    pub description: String,
    /// The document that it was measured against.
    pub ref_id: String,
}

impl Document {
    /// An empty document of that id.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// The same document with this text as content.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Arc<str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same document with its content at `uri`.
    #[must_use]
    pub fn with_uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// The same document with these bytes as content.
    #[must_use]
    pub fn with_blob(mut self, blob: impl Into<Bytes>) -> Self {
        self.blob = Some(blob.into());
        self
    }

    /// The same document with this embedding.
    #[must_use]
    pub fn with_embedding(mut self, elements: Vec<f32>) -> Self {
        self.embedding = Some(Tensor::vector(elements));
        self
    }

    /// The same document with one tag more.
    #[must_use]
    pub fn with_tag(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.tags_mut().insert(name.to_owned(), value.into());
        self
    }

    /// A part of this document: knows its parent, and its id is the parent's with `name` behind a `#`, so that
    /// cutting the same document again gives the same ids.
    #[must_use]
    pub fn new_chunk(&self, name: impl std::fmt::Display) -> Self {
        Self {
            id: format!("{}#{name}", self.id),
            parent_id: self.id.clone(),
            granularity: self.granularity.saturating_add(1),
            adjacency: self.adjacency,
            ..Self::default()
        }
    }

    /// Tells chunks that name no parent that this document is it. Whatever replaces or deletes a document finds its
    /// chunks by that. What is read from JSON or from messages went through this, but for documents without an id.
    pub fn set_parent_ids(&mut self) {
        let is_orphan = |chunk: &Self| chunk.parent_id.is_empty();
        if !self.id.is_empty() && self.chunks.iter().any(is_orphan) {
            let orphans = self.chunks.make_mut().iter_mut().filter(|chunk| is_orphan(chunk));
            orphans.for_each(|chunk| chunk.parent_id.clone_from(&self.id));
        }
    }

    /// The tags, for writing; copied first when another document shares them.
    pub fn tags_mut(&mut self) -> &mut Tags {
        Arc::make_mut(&mut self.tags)
    }

    /// The score that orders a list of matches: the first one set.
    pub fn score(&self) -> Option<&NamedScore> {
        self.scores.values().next()
    }

    /// What to call the document in a message for people: its URI, or else its id.
    pub fn label(&self) -> &str {
        if self.uri.is_empty() || self.uri.starts_with("data:") { &self.id } else { &self.uri }
    }

    /// Bytes of memory that the document and everything below it hold. Payloads shared with other
    /// documents count in each.
    pub fn memory_bytes(&self) -> usize {
        let strings = self.id.len() + self.parent_id.len() + self.mime_type.len() + self.uri.len();
        let tensors = [&self.tensor, &self.embedding].into_iter().flatten().map(|tensor| tensor.data().len());
        let text = self.text.as_ref().map_or(0, |text| text.len());
        let blob = self.blob.as_ref().map_or(0, Bytes::len);
        let scores = self.scores.len() * size_of::<(String, NamedScore)>();
        let tags: usize = self.tags.iter().map(|(name, value)| name.len() + value_bytes(value)).sum();
        let below = self.chunks.memory_bytes() + self.matches.memory_bytes();
        size_of::<Self>() + strings + text + blob + scores + tags + tensors.sum::<usize>() + below
    }
}

/// Bytes of memory behind a JSON value, to the nearest allocation or so.
fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_bytes).sum(),
            Value::Object(entries) => {
                entries.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
            }
        }
}

impl NamedScore {
    /// A score measured by the operation of that name.
    #[must_use]
    pub fn new(value: f32, op_name: impl Into<String>) -> Self {
        Self { value, op_name: op_name.into(), ..Self::default() }
    }
}
