//! A copy-on-write list of documents that can stay encoded until it is accessed.
//!
//! This file knows nothing of the encoding: [`protobuf`](crate::protobuf) makes lists that are backed by a message.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::Document;
use crate::protobuf::schema::Schema;

/// A shared list of documents. Cloning is O(1); [`Documents::make_mut`] copies the list if it is shared.
///
/// A list that was decoded from a message keeps that message until the list is changed: documents are decoded when they
/// are first accessed, and an unchanged list is encoded as the message that it came in, including fields that
/// [`Document`] does not have.
///
/// ```
/// use flowrun_sdk::{Document, Documents};
///
/// let original: Documents = [Document::new("a")].into_iter().collect();
/// let mut copy = original.clone();
/// copy.make_mut().push(Document::new("b"));
/// assert_eq!((original.len(), copy.len()), (1, 2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Documents(Option<Arc<List>>);

#[derive(Debug, Default)]
struct List {
    /// The documents, if there is no message.
    decoded: Vec<Document>,
    /// The message that the documents were decoded from, until the list may have been changed.
    message: Option<Message>,
    /// Cached [`Documents::memory_bytes`], because a list that passes through is measured at every pod. Zero while it is
    /// unknown; reset when the list may have been changed.
    memory_bytes: AtomicUsize,
}

/// Bytes of memory that a list with documents occupies in addition to its documents.
pub(crate) const LIST_BYTES: usize = size_of::<List>() + 2 * size_of::<usize>();

/// A list of documents as a valid message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The encoded list.
    pub(crate) list: Bytes,
    /// Schema of `list`.
    pub(crate) schema: Schema,
    /// Number of documents in `list`.
    pub(crate) count: usize,
    /// `true` if every document has an id.
    pub(crate) all_have_ids: bool,
    /// The documents, once they were accessed.
    pub(crate) decoded: OnceLock<Vec<Document>>,
    /// Decodes `list`, which is known to be valid.
    pub(crate) decode: fn(&Bytes) -> Vec<Document>,
}

impl Message {
    fn documents(&self) -> &Vec<Document> {
        self.decoded.get_or_init(|| (self.decode)(&self.list))
    }
}

impl Clone for List {
    fn clone(&self) -> Self {
        Self {
            decoded: self.decoded.clone(),
            message: self.message.clone(),
            memory_bytes: AtomicUsize::new(self.memory_bytes.load(Ordering::Relaxed)),
        }
    }
}

impl From<Vec<Document>> for List {
    fn from(decoded: Vec<Document>) -> Self {
        Self { decoded, ..Self::default() }
    }
}

impl List {
    fn documents(&self) -> &Vec<Document> {
        self.message.as_ref().map_or(&self.decoded, Message::documents)
    }

    /// Drops the message and returns the decoded documents.
    fn detach(&mut self) -> &mut Vec<Document> {
        if let Some(mut message) = self.message.take() {
            message.documents();
            self.decoded = message.decoded.take().unwrap_or_default();
        }
        &mut self.decoded
    }
}

impl Documents {
    /// Creates an empty list. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Creates a list from documents and the message in `schema` that they were decoded from.
    ///
    /// The message has to contain exactly these documents, because [`Documents::source_message`] returns it until the list
    /// is changed.
    #[must_use]
    pub fn with_source_message(documents: Vec<Document>, list: Bytes, schema: Schema) -> Self {
        let count = documents.len();
        let all_have_ids = documents.iter().all(|document| !document.id.is_empty());
        // Never called: the documents are decoded already.
        let decode = |_: &Bytes| Vec::new();
        Self::from_message(
            Message { list, schema, count, all_have_ids, decoded: documents.into(), decode },
            0,
        )
    }

    /// Creates a list from a message whose documents need `memory_bytes`, or zero if that is unknown.
    pub(crate) fn from_message(message: Message, memory_bytes: usize) -> Self {
        if message.count == 0 {
            return Self::new();
        }
        let list = List { decoded: Vec::new(), message: Some(message), memory_bytes: memory_bytes.into() };
        Self(Some(Arc::new(list)))
    }

    /// Returns the message that the documents were decoded from, if they are unchanged and it is in `schema`.
    #[must_use]
    pub fn source_message(&self, schema: Schema) -> Option<&Bytes> {
        let message = self.0.as_ref()?.message.as_ref()?;
        (message.schema == schema).then_some(&message.list)
    }

    /// Returns `true` if the list was decoded from `list`, in the first schema and the same memory, and is unchanged.
    pub(crate) fn is_unchanged(&self, list: &Bytes) -> bool {
        match self.source_message(Schema::V1) {
            Some(message) => message.as_ptr() == list.as_ptr() && message.len() == list.len(),
            None => self.is_empty() && list.is_empty(),
        }
    }

    /// Number of documents. Does not decode them.
    #[must_use]
    pub fn len(&self) -> usize {
        let count =
            |list: &Arc<List>| list.message.as_ref().map_or(list.decoded.len(), |message| message.count);
        self.0.as_ref().map_or(0, count)
    }

    /// Returns `true` if there are no documents. Does not decode them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if every document has an id. Does not decode them.
    #[must_use]
    pub fn all_have_ids(&self) -> bool {
        match self.0.as_ref().and_then(|list| list.message.as_ref()) {
            Some(message) => message.all_have_ids,
            None => self.iter().all(|document| !document.id.is_empty()),
        }
    }

    /// Returns the list for writing. Copies it first if it is shared, and drops the message that it was decoded from.
    pub fn make_mut(&mut self) -> &mut Vec<Document> {
        let list = Arc::make_mut(self.0.get_or_insert_default());
        *list.memory_bytes.get_mut() = 0;
        list.detach()
    }

    /// Converts the list into a vector. Moves the documents if the list is not shared, copies them otherwise.
    #[must_use]
    pub fn into_vec(self) -> Vec<Document> {
        self.0.map(|list| std::mem::take(Arc::unwrap_or_clone(list).detach())).unwrap_or_default()
    }

    /// Takes the list out and leaves an empty one.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Bytes of memory that a list inside of a document occupies: its documents and, unless it is empty, the list itself.
    pub(crate) fn nested_bytes(&self) -> usize {
        if self.is_empty() { 0 } else { LIST_BYTES + self.memory_bytes() }
    }

    /// Bytes of memory that the documents occupy once they are decoded; see [`Document::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        let Some(list) = &self.0 else { return 0 };
        match list.memory_bytes.load(Ordering::Relaxed) {
            0 => {
                let bytes = list.documents().iter().map(Document::memory_bytes).sum();
                list.memory_bytes.store(bytes, Ordering::Relaxed);
                bytes
            }
            cached => cached,
        }
    }
}

impl Deref for Documents {
    type Target = [Document];

    fn deref(&self) -> &[Document] {
        self.0.as_ref().map_or(&[], |list| list.documents())
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
    use crate::protobuf;

    #[test]
    fn writing_to_a_copy_does_not_change_the_original() {
        let original: Documents = (0..3).map(|number| Document::new(number.to_string())).collect();
        let mut copy = original.clone();
        copy.make_mut().push(Document::new("3"));
        assert_eq!((original.len(), copy.len()), (3, 4));
    }

    #[test]
    fn writing_to_an_unshared_list_copies_nothing() {
        let mut documents: Documents = [Document::new("a")].into_iter().collect();
        let address = documents.as_ptr();
        documents.make_mut();
        assert_eq!(documents.as_ptr(), address);
    }

    #[test]
    fn a_decoded_list_keeps_its_message_until_it_is_changed() {
        let list: Bytes = protobuf::encode_list(&[Document::new("a"), Document::new("b")]).into();
        let mut documents = protobuf::decode_list(&list).unwrap();
        let copy = documents.clone();
        assert!(documents.is_unchanged(&list) && copy.is_unchanged(&list));
        assert!(documents.len() == 2 && documents[1].id == "b");
        documents.make_mut();
        assert!(!documents.is_unchanged(&list) && copy.is_unchanged(&list));
        assert!(Documents::new().is_unchanged(&Bytes::new()) && !Documents::new().is_unchanged(&list));
    }

    #[test]
    fn memory_bytes_follow_changes_at_every_level() {
        let counted = |documents: &Documents| documents.iter().map(Document::memory_bytes).sum::<usize>();
        let mut outer: Documents = [Document::new("a")].into_iter().collect();
        for round in 0..3 {
            assert_eq!(outer.memory_bytes(), counted(&outer));
            let copy = outer.clone();
            let first = &mut outer.make_mut()[0];
            first.chunks.make_mut().push(Document::new("chunk").with_text("x".repeat(round)));
            assert_eq!((outer.memory_bytes(), copy.memory_bytes()), (counted(&outer), counted(&copy)));
            assert!(outer.memory_bytes() > copy.memory_bytes());
        }
    }

    #[test]
    fn empty_lists_are_equal() {
        let mut emptied: Documents = [Document::new("a")].into_iter().collect();
        emptied.make_mut().clear();
        assert_eq!(emptied, Documents::new());
    }
}
