//! Documents that the pages have shown. Only these have thumbnails, so that `/media/thumbnail` and
//! `/media/preview` expose no other file.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use flowrun_sdk::Documents;

use crate::limits::SHOWN_BYTES_MAX;

/// Header of a request whose results a page will show; its value is ignored. A client that sends it can read the files of
/// its results as thumbnails and previews, as far as [`media`](super::media) reads such files.
pub(in crate::gateway) const PAGE_HEADER: &str = "x-flowrun-page";

/// Maximum of remembered documents. The search page shows at most 60 at a time.
const DOCUMENTS_MAX: usize = 10_000;

/// URIs of the search results that pages have shown, by document id. Bounded; those that were first
/// shown longest ago are evicted first, even if they were shown again since.
#[derive(Debug, Default)]
pub(in crate::gateway) struct ShownDocuments {
    uris: HashMap<Arc<str>, String>,
    order: VecDeque<Arc<str>>,
    /// Bytes of the ids and URIs.
    bytes: usize,
}

impl ShownDocuments {
    /// Remembers the URIs of the direct matches of `documents`. A new URI of an id replaces the old one.
    pub(in crate::gateway) fn remember(&mut self, documents: &Documents) {
        let found = documents.iter().flat_map(|document| document.matches.iter());
        for found in found.filter(|found| !found.uri.is_empty()) {
            let id: Arc<str> = found.id.as_str().into();
            self.bytes += found.uri.len();
            match self.uris.insert(Arc::clone(&id), found.uri.clone()) {
                Some(replaced) => self.bytes -= replaced.len(),
                None => {
                    self.bytes += id.len();
                    self.order.push_back(id);
                }
            }
            self.evict();
        }
    }

    /// Forgets the documents that were first shown longest ago, beyond the bounds.
    fn evict(&mut self) {
        while (self.order.len() > DOCUMENTS_MAX || self.bytes > SHOWN_BYTES_MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            let uri = self.uris.remove(&oldest).unwrap_or_default();
            self.bytes -= oldest.len() + uri.len();
        }
    }

    /// URI of a remembered document; `None` for any other id.
    pub(super) fn uri(&self, id: &str) -> Option<String> {
        self.uris.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;

    fn answer(ids: impl Iterator<Item = usize>) -> Documents {
        let mut query = Document::new("q").with_uri("query.gif");
        query.matches = ids.map(|id| Document::new(id.to_string()).with_uri(format!("{id}.gif"))).collect();
        [query].into_iter().collect()
    }

    #[test]
    fn matches_are_remembered_and_the_oldest_evicted() {
        let mut shown = ShownDocuments::default();
        shown.remember(&answer(0..DOCUMENTS_MAX));
        assert_eq!((shown.uri("0").as_deref(), shown.uri("q")), (Some("0.gif"), None));
        shown.remember(&answer([0, DOCUMENTS_MAX].into_iter()));
        assert_eq!((shown.uri("0"), shown.uri("1").as_deref()), (None, Some("1.gif")));
        assert_eq!(shown.uris.len(), DOCUMENTS_MAX);
    }

    #[test]
    fn long_uris_are_bounded_in_bytes() {
        let mut shown = ShownDocuments::default();
        let mut found = answer(0..1);
        for id in ["a", "b", "a", "c", "d"] {
            let uri = "u".repeat(SHOWN_BYTES_MAX / 3);
            found.make_mut()[0].matches = vec![Document::new(id).with_uri(uri)].into();
            shown.remember(&found);
        }
        assert!(shown.bytes <= SHOWN_BYTES_MAX);
        assert_eq!(["a", "b", "c", "d"].map(|id| shown.uri(id).is_some()), [false, false, true, true]);
        let held: usize = shown.uris.iter().map(|(id, uri)| id.len() + uri.len()).sum();
        assert_eq!(shown.bytes, held);
    }
}
