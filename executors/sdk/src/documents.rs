//! A list of documents that is cheap to copy and is copied only when one of its holders writes.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crate::Document;

/// A shared list of documents. Cloning is O(1); [`Documents::make_mut`] copies when the list is shared.
#[derive(Clone, Debug, Default)]
pub struct Documents(Option<Arc<List>>);

#[derive(Debug, Default)]
struct List {
    documents: Vec<Document>,
    /// What they hold, once somebody has asked: who passes a list on is asked again and again. Zero until then, and
    /// again when somebody may write.
    bytes: AtomicUsize,
}

impl Clone for List {
    fn clone(&self) -> Self {
        Self {
            documents: self.documents.clone(),
            bytes: AtomicUsize::new(self.bytes.load(Ordering::Relaxed)),
        }
    }
}

impl From<Vec<Document>> for List {
    fn from(documents: Vec<Document>) -> Self {
        Self { documents, bytes: AtomicUsize::default() }
    }
}

impl Documents {
    /// No documents. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The list, for writing.
    pub fn make_mut(&mut self) -> &mut Vec<Document> {
        let list = Arc::make_mut(self.0.get_or_insert_default());
        *list.bytes.get_mut() = 0;
        &mut list.documents
    }

    /// The list as a vector of one's own: moved when nobody else holds it, copied otherwise.
    #[must_use]
    pub fn into_vec(self) -> Vec<Document> {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().documents
    }

    /// Takes the list out and leaves none.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Looks whether the list is written to. Writing to a list of which it is the only holder costs no copy all the
    /// same.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.0.as_ref().map(Arc::downgrade))
    }

    /// Bytes of memory that the documents hold; see [`Document::bytes`].
    pub fn bytes(&self) -> usize {
        let Some(list) = &self.0 else { return 0 };
        match list.bytes.load(Ordering::Relaxed) {
            0 => {
                let bytes = list.documents.iter().map(Document::bytes).sum();
                list.bytes.store(bytes, Ordering::Relaxed);
                bytes
            }
            counted => counted,
        }
    }
}

/// A list as it was; see [`Documents::watch`].
pub(crate) struct Watch(Option<Weak<List>>);

impl Watch {
    /// Whether these are the documents that are watched, and nobody has written to them. Writing moves a list away
    /// from whoever watches it.
    pub(crate) fn holds(&self, documents: &Documents) -> bool {
        match (&self.0, &documents.0) {
            (None, None) => true,
            (Some(watched), Some(list)) => {
                watched.upgrade().is_some_and(|watched| Arc::ptr_eq(&watched, list))
            }
            _ => false,
        }
    }
}

impl Deref for Documents {
    type Target = [Document];

    fn deref(&self) -> &[Document] {
        self.0.as_ref().map_or(&[], |list| &list.documents)
    }
}

impl PartialEq for Documents {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<Document>> for Documents {
    fn from(documents: Vec<Document>) -> Self {
        if documents.is_empty() { Self(None) } else { Self(Some(Arc::new(documents.into()))) }
    }
}

impl FromIterator<Document> for Documents {
    fn from_iter<I: IntoIterator<Item = Document>>(documents: I) -> Self {
        documents.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a Documents {
    type Item = &'a Document;
    type IntoIter = std::slice::Iter<'a, Document>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Documents {
    type Item = Document;
    type IntoIter = std::vec::IntoIter<Document>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_copy_leaves_the_original_as_it_was() {
        let original: Documents = (0..3).map(|number| Document::new(number.to_string())).collect();
        let mut copy = original.clone();
        copy.make_mut().push(Document::new("3"));
        assert_eq!((original.len(), copy.len()), (3, 4));
    }

    #[test]
    fn writing_to_the_only_holder_copies_nothing() {
        let mut documents: Documents = [Document::new("a")].into_iter().collect();
        let address = documents.as_ptr();
        documents.make_mut();
        assert_eq!(documents.as_ptr(), address);
    }

    #[test]
    fn whoever_watches_a_list_sees_it_written_to() {
        let mut documents: Documents = [Document::new("a")].into_iter().collect();
        let (watch, address) = (documents.watch(), documents.as_ptr());
        let copy = documents.clone();
        assert!(watch.holds(&documents) && watch.holds(&copy) && documents.bytes() > 0);
        drop(copy);
        documents.make_mut();
        assert!(!watch.holds(&documents) && documents.as_ptr() == address);
        let watch = documents.watch();
        let same = Documents::from(documents.into_vec());
        assert!(!watch.holds(&same) && !watch.holds(&Documents::new()));
        assert!(Documents::new().watch().holds(&Documents::new()));
    }

    #[test]
    fn bytes_are_those_of_the_documents_as_they_are_now() {
        let counted = |documents: &Documents| documents.iter().map(Document::bytes).sum::<usize>();
        let mut outer: Documents = [Document::new("a")].into_iter().collect();
        for round in 0..3 {
            assert_eq!(outer.bytes(), counted(&outer));
            let copy = outer.clone();
            let first = &mut outer.make_mut()[0];
            first.chunks.make_mut().push(Document::new("chunk").with_text("x".repeat(round)));
            assert_eq!((outer.bytes(), copy.bytes()), (counted(&outer), counted(&copy)));
            assert!(outer.bytes() > copy.bytes());
        }
    }

    #[test]
    fn empty_lists_are_equal_however_they_came_about() {
        let mut emptied: Documents = [Document::new("a")].into_iter().collect();
        emptied.make_mut().clear();
        assert_eq!(emptied, Documents::new());
    }
}
