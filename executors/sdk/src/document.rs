//! Documents: the data that executors process, an index stores and a search returns.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{Documents, Tensor, memory};

/// User-defined properties of a document: a JSON object.
pub type Tags = Map<String, Value>;

/// Tag that records which tags are fields of docarray's second schema, and of which kinds: `{"kinds": {"words": "list"}}`.
/// The crate `flowrun-wire` writes it.
pub const FIELD_RECORD_TAG: &str = "__fields__";

/// Names of the scores that are distances, as in docarray: the smallest is best. Of any other score the largest is best, unless
/// its executor documents otherwise.
pub const DISTANCE_SCORES: [&str; 3] = ["cosine", "euclidean", "inner_product"];

/// A document: content, properties and results.
///
/// A document is a tree. Its *chunks* are its parts (frames of a clip, crops of a picture, sentences of a text), its
/// *matches* are the documents that a search found for it. A field is unset if it is an empty string, an empty list or
/// `None`. Payloads are reference-counted: cloning a document copies its short strings and shares the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Identifier. Storing a second document with the same id replaces the first.
    pub id: String,
    /// Id of the document that this one is a chunk of.
    pub parent_id: String,
    /// Depth below the root in steps of `chunks`.
    pub granularity: u32,
    /// Depth below the root in steps of `matches`.
    pub adjacency: u32,
    /// Weight among its siblings.
    pub weight: Option<f32>,
    /// Media type of the content, for example `image/gif`.
    pub mime_type: String,
    /// Location of the content: a path, a `file:` URI or a `data:` URI.
    pub uri: String,
    /// Content as text.
    pub text: Option<Arc<str>>,
    /// Content as bytes, for example an encoded image.
    pub blob: Option<Bytes>,
    /// Content as an array, for example the pixels of an image as height × width × channels.
    pub tensor: Option<Tensor>,
    /// Vector that an encoder computed from the content, usually one-dimensional and of single precision.
    pub embedding: Option<Tensor>,
    /// User-defined properties.
    pub tags: Arc<Tags>,
    /// Scores by the name of the measure: the distance of a match, the relevance from a ranker.
    pub scores: IndexMap<String, NamedScore>,
    /// Position in the parent in the segmenter's coordinates (x, y, width, height, …).
    pub location: Vec<f32>,
    /// Position in the parent along its single axis: frame number, sentence number, …
    pub offset: Option<f32>,
    /// Kind of content, for flows that process several.
    pub modality: String,
    /// Parts of this document.
    pub chunks: Documents,
    /// Search results for this document, best first.
    pub matches: Documents,
    /// Fields that only clients and executors in Python use; `None` if the document has none of them.
    pub docarray: Option<Arc<DocarrayFields>>,
}

/// Fields of docarray's first schema that executors of flowrun do not use. They are kept, so that clients and executors in
/// Python find them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DocarrayFields {
    /// Scores of an evaluation by the name of the metric.
    pub evaluations: IndexMap<String, NamedScore>,
    /// docarray's `_metadata`: the classes of the fields of a `@dataclass`.
    pub metadata: Tags,
}

impl DocarrayFields {
    /// Returns `true` if no field is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.evaluations.is_empty() && self.metadata.is_empty()
    }

    fn memory_bytes(&self) -> usize {
        memory::docarray_bytes(scores_bytes(&self.evaluations), memory::map_bytes(&self.metadata))
    }
}

fn scores_bytes(scores: &IndexMap<String, NamedScore>) -> usize {
    let texts = scores.iter().map(|(name, score)| memory::score_text_bytes(name, score)).sum();
    memory::scores_bytes(scores.len(), texts)
}

/// A score and its provenance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedScore {
    /// The number. The measure determines whether small or large values are better.
    pub value: f32,
    /// The executor or operation that computed it.
    pub op_name: String,
    /// Explanation for people.
    pub description: String,
    /// Id of the document that it was measured against.
    pub ref_id: String,
}

impl Document {
    /// Creates an empty document.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Sets the text.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Arc<str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Sets the URI.
    #[must_use]
    pub fn with_uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Sets the blob.
    #[must_use]
    pub fn with_blob(mut self, blob: impl Into<Bytes>) -> Self {
        self.blob = Some(blob.into());
        self
    }

    /// Sets the embedding to a vector.
    #[must_use]
    pub fn with_embedding(mut self, elements: Vec<f32>) -> Self {
        self.embedding = Some(Tensor::vector(elements));
        self
    }

    /// Sets one tag.
    #[must_use]
    pub fn with_tag(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.tags_mut().insert(name.to_owned(), value.into());
        self
    }

    /// Creates a chunk of this document, without adding it to `chunks`.
    ///
    /// Its id is the id of the parent, `#` and `name`, so that cutting the same document again gives the same ids. Its
    /// granularity is one more than the parent's.
    ///
    /// ```
    /// let mut clip = flowrun_sdk::Document::new("clip");
    /// clip.chunks = (0..3).map(|number| clip.new_chunk(number)).collect();
    /// assert_eq!((&*clip.chunks[2].id, &*clip.chunks[2].parent_id), ("clip#2", "clip"));
    /// ```
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

    /// Sets the parent id of chunks that have none. Replacing or deleting a document finds its chunks by their parent id.
    ///
    /// Decoders of JSON and of messages call this. Has no effect on a document without an id.
    pub fn set_parent_ids(&mut self) {
        let is_orphan = |chunk: &Self| chunk.parent_id.is_empty();
        if !self.id.is_empty() && self.chunks.iter().any(is_orphan) {
            let orphans = self.chunks.make_mut().iter_mut().filter(|chunk| is_orphan(chunk));
            orphans.for_each(|chunk| chunk.parent_id.clone_from(&self.id));
        }
    }

    /// Returns the tags for writing; copies them first if they are shared.
    pub fn tags_mut(&mut self) -> &mut Tags {
        Arc::make_mut(&mut self.tags)
    }

    /// Returns the fields that only clients use, for writing; copies them first if they are shared.
    pub fn docarray_mut(&mut self) -> &mut DocarrayFields {
        Arc::make_mut(self.docarray.get_or_insert_default())
    }

    /// Returns the score that matches are ordered by: the first one that was set.
    pub fn score(&self) -> Option<&NamedScore> {
        self.scores.values().next()
    }

    /// Returns `true` if the score that matches are ordered by is a distance.
    pub fn is_scored_by_distance(&self) -> bool {
        self.scores.keys().next().is_some_and(|name| DISTANCE_SCORES.contains(&name.as_str()))
    }

    /// Name of the document in messages: its URI, or its id if it has no URI or one that contains the content.
    pub fn label(&self) -> &str {
        if self.uri.is_empty() || self.uri.starts_with("data:") { &self.id } else { &self.uri }
    }

    /// Bytes of memory that the document, its chunks and its matches occupy. Shared payloads count fully in each document.
    pub fn memory_bytes(&self) -> usize {
        let strings = self.id.len() + self.parent_id.len() + self.mime_type.len() + self.uri.len();
        let strings = strings + self.modality.len() + size_of_val(&*self.location);
        let arrays = [&self.tensor, &self.embedding].into_iter().flatten().map(Tensor::memory_bytes);
        let text = self.text.as_ref().map_or(0, |text| text.len());
        let blob = self.blob.as_ref().map_or(0, Bytes::len);
        let scores = scores_bytes(&self.scores);
        let docarray = self.docarray.as_ref().map_or(0, |fields| fields.memory_bytes());
        let tags = memory::tags_bytes(memory::map_bytes(&self.tags));
        let nested: usize = [&self.chunks, &self.matches].into_iter().map(Documents::nested_bytes).sum();
        size_of::<Self>() + strings + text + blob + scores + docarray + tags + arrays.sum::<usize>() + nested
    }
}

impl NamedScore {
    /// Creates a score that `op_name` computed.
    #[must_use]
    pub fn new(value: f32, op_name: impl Into<String>) -> Self {
        Self { value, op_name: op_name.into(), ..Self::default() }
    }
}
