//! A list of documents that is cheap to copy, is copied only when one of its holders writes, and is read out of the
//! message that it came in only when somebody looks.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::Document;
use crate::wire::{self, Schema};

/// A shared list of documents. Cloning is O(1); [`Documents::make_mut`] copies when the list is shared.
///
/// Documents that came in a message and that nobody has written to are that message still: they go on as it, whole,
/// with what only its sender understands.
#[derive(Clone, Debug, Default)]
pub struct Documents(Option<Arc<List>>);

#[derive(Debug, Default)]
struct List {
    /// The documents, unless there is a message.
    own: Vec<Document>,
    /// What they came in, until somebody may write.
    message: Option<Message>,
    /// What they hold, once somebody has asked: who passes a list on is asked again and again. Zero until then, and
    /// again when somebody may write.
    bytes: AtomicUsize,
}

/// Documents as a message that is known to be one.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The message, a list.
    pub(crate) list: Bytes,
    /// What it is written in.
    pub(crate) schema: Schema,
    /// How many documents it has.
    pub(crate) count: usize,
    /// Whether each has an id.
    pub(crate) named: bool,
    /// They, once somebody has looked at them.
    pub(crate) read: OnceLock<Vec<Document>>,
}

impl Message {
    fn read(&self) -> &Vec<Document> {
        self.read.get_or_init(|| wire::read_list(&self.list))
    }
}

impl Clone for List {
    fn clone(&self) -> Self {
        Self {
            own: self.own.clone(),
            message: self.message.clone(),
            bytes: AtomicUsize::new(self.bytes.load(Ordering::Relaxed)),
        }
    }
}

impl From<Vec<Document>> for List {
    fn from(own: Vec<Document>) -> Self {
        Self { own, ..Self::default() }
    }
}

impl List {
    fn read(&self) -> &Vec<Document> {
        self.message.as_ref().map_or(&self.own, Message::read)
    }

    /// The documents, which are a message no longer.
    fn own(&mut self) -> &mut Vec<Document> {
        if let Some(mut message) = self.message.take() {
            message.read();
            self.own = message.read.take().unwrap_or_default();
        }
        &mut self.own
    }
}

impl Documents {
    /// No documents. Does not allocate.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// The documents in a message, which hold so many bytes; zero when nobody has counted them.
    pub(crate) fn of_message(message: Message, bytes: usize) -> Self {
        if message.count == 0 {
            return Self::new();
        }
        Self(Some(Arc::new(List { own: Vec::new(), message: Some(message), bytes: bytes.into() })))
    }

    /// The message in that schema that the documents came in, if they are what it says.
    pub(crate) fn message(&self, schema: Schema) -> Option<&Bytes> {
        let message = self.0.as_ref()?.message.as_ref()?;
        (message.schema == schema).then_some(&message.list)
    }

    /// Whether they are those that came in `list`, of the first schema, and nobody has written to them.
    pub(crate) fn are(&self, list: &Bytes) -> bool {
        match self.message(Schema::V1) {
            Some(message) => message.as_ptr() == list.as_ptr() && message.len() == list.len(),
            None => self.is_empty() && list.is_empty(),
        }
    }

    /// How many there are. Does not read them.
    #[must_use]
    pub fn len(&self) -> usize {
        let count = |list: &Arc<List>| list.message.as_ref().map_or(list.own.len(), |message| message.count);
        self.0.as_ref().map_or(0, count)
    }

    /// Whether there are none. Does not read them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether each has an id. Does not read them.
    #[must_use]
    pub fn all_have_ids(&self) -> bool {
        match self.0.as_ref().and_then(|list| list.message.as_ref()) {
            Some(message) => message.named,
            None => self.iter().all(|document| !document.id.is_empty()),
        }
    }

    /// The list, for writing.
    pub fn make_mut(&mut self) -> &mut Vec<Document> {
        let list = Arc::make_mut(self.0.get_or_insert_default());
        *list.bytes.get_mut() = 0;
        list.own()
    }

    /// The list as a vector of one's own: moved when nobody else holds it, copied otherwise.
    #[must_use]
    pub fn into_vec(self) -> Vec<Document> {
        self.0.map(|list| std::mem::take(Arc::unwrap_or_clone(list).own())).unwrap_or_default()
    }

    /// Takes the list out and leaves none.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Bytes of memory that the documents hold, or will when they are read; see [`Document::memory_bytes`].
    pub fn memory_bytes(&self) -> usize {
        let Some(list) = &self.0 else { return 0 };
        match list.bytes.load(Ordering::Relaxed) {
            0 => {
                let bytes = list.read().iter().map(Document::memory_bytes).sum();
                list.bytes.store(bytes, Ordering::Relaxed);
                bytes
            }
            counted => counted,
        }
    }
}

impl Deref for Documents {
    type Target = [Document];

    fn deref(&self) -> &[Document] {
        self.0.as_ref().map_or(&[], |list| list.read())
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
    fn what_came_in_a_message_is_it_until_somebody_writes() {
        let list: Bytes = wire::encode_list(&[Document::new("a"), Document::new("b")]).into();
        let mut documents = wire::decode_list(&list).unwrap();
        let copy = documents.clone();
        assert!(documents.are(&list) && copy.are(&list) && documents.len() == 2 && documents[1].id == "b");
        documents.make_mut();
        assert!(!documents.are(&list) && copy.are(&list));
        assert!(Documents::new().are(&Bytes::new()) && !Documents::new().are(&list));
    }

    #[test]
    fn bytes_are_those_of_the_documents_as_they_are_now() {
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
    fn empty_lists_are_equal_however_they_came_about() {
        let mut emptied: Documents = [Document::new("a")].into_iter().collect();
        emptied.make_mut().clear();
        assert_eq!(emptied, Documents::new());
    }
}
