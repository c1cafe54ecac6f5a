//! A summary of the documents that a shard stores, for routing requests to shards.

use std::sync::Arc;

use crate::filter::Filter;
use crate::{Document, RequestParameters};

/// Summary of the documents of one shard.
///
/// The host calls it from any thread, concurrently with calls of the executor, and expects an immediate answer. Answers
/// may be false positives, which cost a superfluous call; a false negative would lose documents.
pub trait ShardSummary: Send + Sync {
    /// Number of stored documents.
    fn document_count(&self) -> u64;

    /// Returns `false` only if no document with that id is stored.
    fn may_contain(&self, id: &str) -> bool;

    /// Returns `false` only if no chunks of a document are stored: neither chunks with its id as parent id, nor the chunks
    /// that it has itself.
    fn may_contain_chunks(&self, document: &Document) -> bool;

    /// Returns `true` if a request to that endpoint addresses documents beyond those that it contains, such as all
    /// documents, or those that match a filter.
    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let _ = (endpoint, parameters);
        false
    }

    /// Prepares [`ShardSummary::may_match`] and [`ShardSummary::centroids`], which may require reading all documents.
    ///
    /// Called once, at the start, by a host that uses them. Until it is done, every filter may match.
    fn prepare(&self);

    /// Parses the filter of a request to that endpoint. All documents of the answer match it. `None` if the request has no
    /// filter, or an invalid one, which the executor itself reports when it is called.
    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter>;

    /// Filters of one document of a request to that endpoint, in addition to the request's. The first that matches a stored
    /// document applies. Empty if the document brings none, or invalid ones, which the executor reports when it is called.
    fn document_filters(&self, endpoint: &str, document: &Document) -> Vec<Filter> {
        let _ = (endpoint, document);
        Vec::new()
    }

    /// Returns `false` only if no stored document matches the filter. Includes all documents whose write was acknowledged.
    fn may_match(&self, filter: &Filter) -> bool;

    /// Vector by which documents are assigned to shards: similar documents have a small Euclidean distance, in all shards
    /// of an index. `None` if the document has no usable vector.
    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>>;

    /// Placement vectors of everything that a search for `document` looks for, such as its chunks; `None` if one of them
    /// has no usable vector.
    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        let _ = parameters;
        self.placement_vector(document).map(|vector| vec![vector])
    }

    /// A few cluster centers of the placement vectors of the stored documents; empty if they are unknown.
    fn centroids(&self) -> Arc<[Vec<f32>]>;
}
