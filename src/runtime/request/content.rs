//! The data that travels along the edges of the graph: documents, per-document failures, results, or an error.

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, Origin};
use serde_json::{Map, Value};

use super::message::{DocumentFailure, RequestError};

/// Content of one part of a request.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime) struct Content {
    pub(in crate::runtime) documents: Documents,
    /// Executors that produced the documents, in document order, after a join that appends (`no_reduce: true`).
    pub(in crate::runtime) origins: Vec<Origin>,
    /// Documents that failed on their own and were removed.
    pub(in crate::runtime) failures: Vec<DocumentFailure>,
    /// Results of executors that belong to no document: see [`Response::results`](super::Response::results).
    pub(in crate::runtime) results: Map<String, Value>,
    /// Error of the whole request. Content with an error takes the usual path: executors are skipped, joins count it.
    pub(in crate::runtime) error: Option<RequestError>,
}

impl Content {
    pub(in crate::runtime) fn new(documents: Documents) -> Self {
        Self { documents, ..Self::default() }
    }

    /// Records `executor` as the origin of all documents. Keeps the origins of content that was already appended.
    pub(in crate::runtime) fn with_origin(mut self, executor: &Arc<str>) -> Self {
        if self.origins.is_empty() {
            let documents = self.documents.len();
            self.origins.push(Origin { executor: Arc::clone(executor), documents });
        }
        self
    }

    /// Takes the input of a call out of the content: the documents and their origins.
    pub(in crate::runtime) fn take_input(&mut self) -> Self {
        Self { origins: std::mem::take(&mut self.origins), ..Self::new(self.documents.take()) }
    }

    /// Removes the documents for which `keep` returns `false`, and subtracts them from their origins.
    pub(in crate::runtime) fn retain(&mut self, mut keep: impl FnMut(&Document) -> bool) {
        if self.documents.iter().all(&mut keep) {
            return;
        }
        let mut origins = self.origins.iter_mut();
        let mut origin = origins.next();
        let mut left = origin.as_ref().map_or(0, |origin| origin.documents);
        self.documents.make_mut().retain(|document| {
            while left == 0 && origin.is_some() {
                origin = origins.next();
                left = origin.as_ref().map_or(0, |origin| origin.documents);
            }
            left = left.saturating_sub(1);
            let stays = keep(document);
            if let (Some(origin), false) = (&mut origin, stays) {
                origin.documents = origin.documents.saturating_sub(1);
            }
            stays
        });
    }

    /// Content of a request that failed.
    pub(in crate::runtime) fn failed(error: RequestError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(content: &Content) -> Vec<(&str, usize)> {
        content.origins.iter().map(|origin| (&*origin.executor, origin.documents)).collect()
    }

    #[test]
    fn removed_documents_are_subtracted_from_their_origin() {
        let origin = |executor: &str, documents| Origin { executor: executor.into(), documents };
        let documents = "axbxxcx".chars().map(Document::new).collect();
        let all_origins = vec![origin("a", 2), origin("none", 0), origin("b", 4), origin("c", 1)];
        let mut content = Content { origins: all_origins, ..Content::new(documents) };
        content.retain(|document| document.id != "x");
        assert_eq!(origins(&content), [("a", 1), ("none", 0), ("b", 2), ("c", 0)]);
        assert_eq!(content.documents.len(), 3);
        content.retain(|_| true);
        assert_eq!(origins(&content), [("a", 1), ("none", 0), ("b", 2), ("c", 0)]);
    }
}
