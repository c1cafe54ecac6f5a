//! What travels from pod to pod: documents, and what was said about them on the way.

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, Origin};
use serde_json::{Map, Value};

use super::request::{DocumentFailure, RequestError};

/// What a part carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) documents: Documents,
    /// Where they came from, behind a join that lists them side by side.
    pub(super) origins: Vec<Origin>,
    pub(super) failures: Vec<DocumentFailure>,
    pub(super) results: Map<String, Value>,
    /// An error is a message like any other: it skips the executors behind it and is counted at joins.
    pub(super) error: Option<RequestError>,
}

impl Content {
    pub(super) fn of(documents: Documents) -> Self {
        Self { documents, ..Self::default() }
    }

    /// The same, from that executor; what is made of several parts already stays so.
    pub(super) fn from(mut self, executor: &Arc<str>) -> Self {
        if self.origins.is_empty() {
            let documents = self.documents.len();
            self.origins.push(Origin { executor: Arc::clone(executor), documents });
        }
        self
    }

    /// Keeps these documents alone.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&Document) -> bool) {
        if self.documents.iter().all(&mut keeps) {
            return;
        }
        let mut from = self.origins.iter_mut();
        let mut origin = from.next();
        let mut left = origin.as_ref().map_or(0, |origin| origin.documents);
        self.documents.make_mut().retain(|document| {
            while left == 0 && origin.is_some() {
                origin = from.next();
                left = origin.as_ref().map_or(0, |origin| origin.documents);
            }
            left = left.saturating_sub(1);
            let stays = keeps(document);
            if let (Some(origin), false) = (&mut origin, stays) {
                origin.documents = origin.documents.saturating_sub(1);
            }
            stays
        });
    }

    pub(super) fn failed(error: RequestError) -> Self {
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
    fn what_is_left_out_is_left_out_of_what_its_origin_made() {
        let origin = |executor: &str, documents| Origin { executor: executor.into(), documents };
        let documents = "axbxxcx".chars().map(Document::new).collect();
        let origins_of_all = vec![origin("a", 2), origin("none", 0), origin("b", 4), origin("c", 1)];
        let mut content = Content { origins: origins_of_all, ..Content::of(documents) };
        content.retain(|document| document.id != "x");
        assert_eq!(origins(&content), [("a", 1), ("none", 0), ("b", 2), ("c", 0)]);
        assert_eq!(content.documents.len(), 3);
        content.retain(|_| true);
        assert_eq!(origins(&content), [("a", 1), ("none", 0), ("b", 2), ("c", 0)]);
    }
}
