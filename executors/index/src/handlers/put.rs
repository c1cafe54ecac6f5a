//! Converts documents to the form in which a shard stores them.

use std::sync::Arc;

use flowrun_sdk::{Document, ExecutorError, Value, protobuf};

use crate::embedding;
use crate::metric::Metric;
use crate::storage::{ElementType, ID_BYTES_MAX, Put};
use crate::stored_fields::StoredFields;

/// The expiry tag, and the time (seconds since 1970) to which it is set in documents without the tag.
pub(super) type DefaultExpiry = (String, Value);

/// The form in which a shard stores documents.
#[derive(Debug)]
pub(crate) struct PutFormat<'a> {
    /// Metric of the vectors; `None` when documents are stored without vectors.
    pub(crate) metric: Option<Metric>,
    /// Element type of stored vectors.
    pub(crate) elements: ElementType,
    /// Fields of a document that are stored.
    pub(crate) stored_fields: &'a StoredFields,
}

impl PutFormat<'_> {
    /// The document with its vector, ready to be stored. `dimension` is that of the index, once it is known; `expiry` is set
    /// in documents without an expiry.
    ///
    /// # Errors
    /// When an id is missing or too long, or the embedding is missing, has another dimension, or has no distance under the
    /// metric.
    pub(crate) fn put(
        &self,
        document: &Document,
        dimension: Option<usize>,
        expiry: Option<&DefaultExpiry>,
    ) -> Result<Put, ExecutorError> {
        check_ids(document)?;
        let Document { id, parent_id, .. } = document;
        let vector = self.metric.map(|metric| self.vector(document, metric, dimension)).transpose()?;
        let mut stored = self.stored_fields.project(document);
        if let Some((tag, time)) = expiry.filter(|(tag, _)| !stored.tags.contains_key(tag)) {
            Arc::make_mut(&mut stored.tags).insert(tag.clone(), time.clone());
        }
        Ok(Put { id: id.clone(), parent_id: parent_id.clone(), document: protobuf::encode(&stored), vector })
    }

    /// The embedding, rounded to the element type. Rounding may turn it into a vector without a distance.
    fn vector(
        &self,
        document: &Document,
        metric: Metric,
        dimension: Option<usize>,
    ) -> Result<Vec<f32>, ExecutorError> {
        let mut vector = embedding::vector(document, metric, dimension)?;
        if self.elements != ElementType::F32 {
            self.elements.round(&mut vector);
            metric.check(&vector).map_err(|error| {
                let elements = self.elements.name();
                ExecutorError::input(format_args!("stored as `{elements}`, {}", error.message()))
            })?;
        }
        Ok(vector)
    }
}

fn check_ids(document: &Document) -> Result<(), ExecutorError> {
    if document.id.is_empty() {
        return Err(ExecutorError::input("a document without an id cannot be stored"));
    }
    match [&document.id, &document.parent_id].into_iter().find(|id| id.len() > ID_BYTES_MAX) {
        Some(long) => Err(ExecutorError::input(format_args!(
            "an id has {} bytes, more than the {ID_BYTES_MAX} allowed",
            long.len()
        ))),
        None => Ok(()),
    }
}
