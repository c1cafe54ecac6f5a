//! Built-in executors of Jina 0.x that merge several messages into one, such as `uses: _merge_topk`. Jina calls them
//! resources.
//!
//! The runtime merges replies itself, so these resources are not resolved to executors.

/// A merging resource, by its effect on documents in Jina.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reducer {
    /// Keeps the documents of the part that arrives last.
    LastPart,
    /// Merges matches.
    Matches,
    /// Concatenates embeddings.
    Embeddings,
}

impl Reducer {
    /// The reducer with this name in `uses` or `uses_after`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "_merge" | "_pass" | "_forward" | "_route" => Self::LastPart,
            "_merge_topk"
            | "_merge_topk_chunks"
            | "_merge_topk_docs"
            | "_merge_all"
            | "_merge_chunks"
            | "_merge_matches"
            | "_merge_matches_topk"
            | "_merge_root" => Self::Matches,
            "_concat" => Self::Embeddings,
            _ => return None,
        })
    }
}
