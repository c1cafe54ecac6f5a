//! Where the fields go that a document of ours does not have.
//!
//! Documents of docarray's second schema name their fields themselves. Fields that a [`Document`] has are that field.
//! Of the others, plain values (texts, numbers, truth values, lists and mappings of them) become tags of the same
//! name, so that executors can see and filter by them. The tag `__fields__` keeps the books, so that a reply has the
//! fields that came, in their types:
//!
//! * `kinds`: the fields that are tags, or nothing at all, and the kind of each;
//! * `nodes`: fields that JSON cannot say, as base64 of their message;
//! * `types`: what Python makes of a field, where it is not what it usually makes of it.
//!
//! Clients of the first schema get the tags without the books.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Document, Documents, Tags};

/// The tag that keeps the books.
pub(super) const FIELDS: &str = "__fields__";

/// The books of one document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Fields and their kinds, by name.
    pub kinds: Map<String, Value>,
    /// Fields as base64 of their messages, by name.
    pub nodes: Map<String, Value>,
    /// Unusual types, by name.
    pub types: Map<String, Value>,
}

impl Fields {
    /// The books that a document carries.
    pub fn of(document: &Document) -> Option<Self> {
        let books = document.tags.get(FIELDS)?.as_object()?;
        let book = |name: &str| books.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Some(Self { kinds: book("kinds"), nodes: book("nodes"), types: book("types") })
    }

    /// Writes the books into the tags of a document.
    pub fn keep(self, tags: &mut Tags) {
        let books = [("kinds", self.kinds), ("nodes", self.nodes), ("types", self.types)];
        let books: Map<String, Value> = books
            .into_iter()
            .filter(|(_, book)| !book.is_empty())
            .map(|(name, book)| (name.to_owned(), book.into()))
            .collect();
        if !books.is_empty() {
            tags.insert(FIELDS.to_owned(), books.into());
        }
    }

    /// Takes the fields that became tags out of the tags again: their names, kinds and values.
    pub fn reclaim(&self, tags: &mut Tags) -> Vec<(String, String, Option<Value>)> {
        tags.remove(FIELDS);
        let kinds = self.kinds.iter().filter_map(|(name, kind)| Some((name, kind.as_str()?)));
        kinds
            .map(|(name, kind)| {
                let value = if kind == NOTHING || kind == TAGS { None } else { tags.remove(name) };
                (name.clone(), kind.to_owned(), value)
            })
            .collect()
    }
}

/// The kind of a field that came without a value.
pub const NOTHING: &str = "null";

/// The kind of the field `tags` itself.
pub const TAGS: &str = "tags";

/// The documents without their books; themselves where there are none, in them or below.
pub(super) fn dropped(documents: &[Document]) -> Cow<'_, [Document]> {
    if !documents.iter().any(has_books) {
        return Cow::Borrowed(documents);
    }
    let mut documents = documents.to_vec();
    documents.iter_mut().for_each(drop_books);
    Cow::Owned(documents)
}

fn has_books(document: &Document) -> bool {
    let below = |documents: &Documents| documents.iter().any(has_books);
    let books = !document.tags.is_empty() && document.tags.contains_key(FIELDS);
    books || below(&document.chunks) || below(&document.matches)
}

fn drop_books(document: &mut Document) {
    if document.tags.contains_key(FIELDS) {
        Arc::make_mut(&mut document.tags).remove(FIELDS);
    }
    for documents in [&mut document.chunks, &mut document.matches] {
        if documents.iter().any(has_books) {
            documents.make_mut().iter_mut().for_each(drop_books);
        }
    }
}
