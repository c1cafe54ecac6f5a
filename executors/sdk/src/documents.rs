//! A list of documents that is cheap to copy and is copied only when one of its holders writes.

use std::ops::Deref;
use std::sync::Arc;

use crate::Document;

/// A shared list of documents. Cloning is O(1); [`Documents::make_mut`] copies when the list is shared.
#[derive(Clone, Debug, Default)]
pub struct Documents(Option<Arc<Vec<Document>>>);

impl Documents {
    /// No documents. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The list, for writing.
    pub fn make_mut(&mut self) -> &mut Vec<Document> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// The list as a vector of one's own: moved when nobody else holds it, copied otherwise.
    #[must_use]
    pub fn into_vec(self) -> Vec<Document> {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default()
    }

    /// Takes the list out and leaves none.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Bytes of memory that the documents hold; see [`Document::bytes`].
    pub fn bytes(&self) -> usize {
        self.iter().map(Document::bytes).sum()
    }
}

impl Deref for Documents {
    type Target = [Document];

    fn deref(&self) -> &[Document] {
        self.0.as_ref().map_or(&[], |documents| documents)
    }
}

impl PartialEq for Documents {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Vec<Document>> for Documents {
    fn from(documents: Vec<Document>) -> Self {
        if documents.is_empty() { Self(None) } else { Self(Some(Arc::new(documents))) }
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
    fn empty_lists_are_equal_however_they_came_about() {
        let mut emptied: Documents = [Document::new("a")].into_iter().collect();
        emptied.make_mut().clear();
        assert_eq!(emptied, Documents::new());
    }
}
