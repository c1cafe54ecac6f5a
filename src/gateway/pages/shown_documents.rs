//! Documents that the pages have shown. Only these have thumbnails, so that `/thumbnail` exposes no other file.

use std::collections::{HashMap, VecDeque};

use flowrun_sdk::Documents;

use crate::limits::SHOWN_BYTES_MAX;

/// Header of a request whose results a page will show.
pub(in crate::gateway) const PAGE_HEADER: &str = "x-flowrun-page";

/// Maximum of remembered documents. A page shows at most 100 at a time.
const DOCUMENTS_MAX: usize = 10_000;

/// Memory of an entry besides its texts.
const ENTRY_BYTES: usize = 4 * size_of::<String>();

/// URIs of search results by document id. The oldest are evicted first.
#[derive(Debug, Default)]
pub(in crate::gateway) struct ShownDocuments {
    uris: HashMap<String, String>,
    order: VecDeque<String>,
    /// Bytes of the ids and URIs.
    bytes: usize,
}

impl ShownDocuments {
    /// Remembers the matches of `documents`.
    pub(in crate::gateway) fn remember(&mut self, documents: &Documents) {
        let found = documents.iter().flat_map(|document| document.matches.iter());
        for found in found.filter(|found| !found.uri.is_empty()) {
            match self.uris.insert(found.id.clone(), found.uri.clone()) {
                Some(replaced) => self.bytes -= replaced.len(),
                None => {
                    self.order.push_back(found.id.clone());
                    self.bytes += ENTRY_BYTES + 2 * found.id.len();
                }
            }
            self.bytes += found.uri.len();
            while self.order.len() > DOCUMENTS_MAX || self.bytes > SHOWN_BYTES_MAX {
                let Some(oldest) = self.order.pop_front() else { break };
                let uri = self.uris.remove(&oldest).unwrap_or_default();
                self.bytes -= ENTRY_BYTES + 2 * oldest.len() + uri.len();
            }
        }
    }

    /// URI of a remembered document.
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
    fn long_uris_are_evicted_by_their_bytes() {
        let mut shown = ShownDocuments::default();
        let long = "x".repeat(1 << 20);
        for id in 0..40 {
            let mut query = Document::new("q");
            query.matches = [Document::new(id.to_string()).with_uri(long.clone())].into_iter().collect();
            shown.remember(&[query].into_iter().collect());
        }
        assert!(shown.bytes <= SHOWN_BYTES_MAX && shown.uris.len() == shown.order.len());
        assert_eq!((shown.uri("0"), shown.uri("39").map(|uri| uri.len())), (None, Some(1 << 20)));
    }
}
