//! The documents that pages have shown: thumbnails are made of these and of nothing else.

use std::collections::{HashMap, VecDeque};

use flowrun_sdk::Documents;

/// The header by which a page says that it will show what it gets.
pub(in crate::gateway) const PAGE_HEADER: &str = "x-flowrun-page";

/// Documents that are remembered. A page shows at most a hundred at a time.
const DOCUMENTS_MAX: usize = 10_000;

/// The URIs of documents that were found, by id; the oldest are forgotten first.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Shown {
    uris: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Shown {
    /// Remembers what was found for these documents.
    pub(in crate::gateway) fn remember(&mut self, documents: &Documents) {
        let found = documents.iter().flat_map(|document| document.matches.iter());
        for found in found.filter(|found| !found.uri.is_empty()) {
            if self.uris.insert(found.id.clone(), found.uri.clone()).is_none() {
                self.order.push_back(found.id.clone());
            }
            if self.order.len() > DOCUMENTS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.uris.remove(&oldest);
            }
        }
    }

    /// The URI of a document that was shown.
    pub(super) fn uri(&self, id: &str) -> Option<String> {
        self.uris.get(id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;

    fn answer(ids: impl Iterator<Item = usize>) -> Documents {
        let mut query = Document::new("q").with_uri("the query's own");
        query.matches = ids.map(|id| Document::new(id.to_string()).with_uri(format!("{id}.gif"))).collect();
        [query].into_iter().collect()
    }

    #[test]
    fn what_was_found_is_known_and_the_oldest_is_forgotten() {
        let mut shown = Shown::default();
        shown.remember(&answer(0..DOCUMENTS_MAX));
        assert_eq!((shown.uri("0").as_deref(), shown.uri("q")), (Some("0.gif"), None));
        shown.remember(&answer([0, DOCUMENTS_MAX].into_iter()));
        assert_eq!((shown.uri("0"), shown.uri("1").as_deref()), (None, Some("1.gif")));
        assert_eq!(shown.uris.len(), DOCUMENTS_MAX);
    }
}
