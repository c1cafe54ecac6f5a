//! What a shard knows of the documents that it holds, for whoever decides which shards get a request.
//!
//! It is asked beside calls, from any thread, and answers at once. What it does not know it does not deny: a document
//! that is asked for in vain costs a call, one that is passed over is lost.

use std::sync::Arc;

use crate::filter::Filter;
use crate::{Document, RequestParameters};

/// The documents of one shard, as the host asks about them.
pub trait ShardSummary: Send + Sync {
    /// How many documents are stored.
    fn document_count(&self) -> u64;

    /// Whether a document of that id is stored; also true when that cannot be told.
    fn may_contain(&self, id: &str) -> bool;

    /// Whether chunks of a document are stored: some that name it as their parent, or some that it brings. Also true when
    /// that cannot be told.
    fn may_contain_chunks(&self, document: &Document) -> bool;

    /// Whether a request to that endpoint means more than the documents that it brings, such as all, or those of a filter.
    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let _ = (endpoint, parameters);
        false
    }

    /// Gets ready to answer [`ShardSummary::may_match`] and [`ShardSummary::centroids`], which may take as long as reading
    /// everything. Asked once, at the start, by a host that will ask these; one that is not ready holds everything to be
    /// possible.
    fn prepare(&self);

    /// The filter of a request to that endpoint that every document of its answer has passed, as its executor would read
    /// it; `None` when there is none, and when it is wrong: then the executor has to say so.
    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter>;

    /// Whether a stored document may pass the filter. True for every filter that one passes whose write was acknowledged.
    fn may_match(&self, filter: &Filter) -> bool;

    /// Where a document is: alike is what is near there by Euclidean distance, in every shard of an index. `None` for one
    /// that cannot be compared.
    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>>;

    /// Where that is which a search of a document looks for, such as its chunks; `None` when some of it cannot be compared.
    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        let _ = parameters;
        self.placement_vector(document).map(|vector| vec![vector])
    }

    /// Positions that the stored documents gather around, a few; none when that is not known.
    fn centroids(&self) -> Arc<[Vec<f32>]>;
}
