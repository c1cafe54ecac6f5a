//! Reads the head of a JSON request, which is everything except its documents: id, endpoint, target, parameters, and
//! the shape of the documents.
//!
//! Form and schema of documents follow from the header, which may come after them. So a request is read twice: first
//! its head, while documents are skipped without being built, then the documents
//! ([`json_documents`](super::json_documents)).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::json_value::{ReadContext, ReadValue};

/// Keys of the id, the endpoint and the target of a request, in the spellings that are accepted.
const NAMES: [&str; 6] =
    ["request_id", "requestId", "exec_endpoint", "execEndpoint", "target_executor", "targetExecutor"];

/// The head of a request: everything except its documents.
#[derive(Default)]
pub(super) struct Head {
    /// Values of the [`NAMES`], and of `parameters`, in the request itself.
    pub(super) own: Map<String, Value>,
    /// Values of the [`NAMES`] in the header of the request, which the key `header` contains.
    pub(super) header: Map<String, Value>,
    /// Shape of the documents, which the key `data` contains.
    pub(super) data: Data,
}

/// Shape of the documents of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Data {
    /// There are none.
    #[default]
    None,
    /// A list.
    List(First),
    /// An object with a list `docs`.
    Docs(First),
    /// An object that is a document, with this id.
    Single(First, Option<String>),
    /// Any other value.
    Invalid,
}

/// Facts about the first document of a request, from which the form of all is inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct First {
    /// False if the list is empty.
    pub(super) exists: bool,
    /// True if it has the key `granularity`, which clients of docarray's first schema always send, and requests written
    /// by hand do not have.
    pub(super) has_all_keys: bool,
}

/// Reads the head of a request; `None` if it is not an object.
pub(super) struct ReadHead<'c>(pub(super) &'c ReadContext<'c>);

/// Reads the header of a request.
#[derive(Clone, Copy)]
struct ReadHeader<'c>(&'c ReadContext<'c>);

/// Reads the shape of the documents.
#[derive(Clone, Copy)]
struct ReadData<'c>(&'c ReadContext<'c>);

/// Reads the shape of the list `docs`.
struct ReadDocs;

/// Reads the facts about a first document.
pub(super) struct ReadFirst;

/// Reads a key and compares it with names, without copying it.
struct NameIn<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for NameIn<'_> {
    /// The one of the names that the key equals; `None` for any other key.
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameIn<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|name| *name == text))
    }
}

/// Implements a seed whose visitor reads objects, lists or both, and results in `other` for all other values.
macro_rules! seed {
    ($seed:ty => $value:ty, other: $other:expr, $($visit:item)+) => {
        impl<'de> DeserializeSeed<'de> for $seed {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.deserialize_any(self)
            }
        }

        impl<'de> Visitor<'de> for $seed {
            type Value = $value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_bool<E>(self, _: bool) -> Result<$value, E> {
                Ok($other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<$value, E> {
                Ok($other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<$value, E> {
                Ok($other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<$value, E> {
                Ok($other)
            }

            fn visit_str<E>(self, _: &str) -> Result<$value, E> {
                Ok($other)
            }

            $($visit)+
        }
    };
}

fn ignore_items<'de, A: SeqAccess<'de>>(mut items: A) -> Result<(), A::Error> {
    while items.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn ignore_entries<'de, A: MapAccess<'de>>(mut entries: A) -> Result<(), A::Error> {
    while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Shape of a list from its first document.
fn first_of<'de, A: SeqAccess<'de>>(mut items: A) -> Result<First, A::Error> {
    let first = items.next_element_seed(ReadFirst)?;
    ignore_items(items)?;
    Ok(first.unwrap_or_default())
}

seed! {
    ReadHead<'_> => Option<Head>,
    other: None,

    fn visit_unit<E>(self) -> Result<Option<Head>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Option<Head>, A::Error> {
        ignore_items(items).map(|()| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Option<Head>, A::Error> {
        let names: Vec<&'static str> = NAMES.into_iter().chain(["parameters", "header", "data"]).collect();
        let mut head = Head::default();
        while let Some(name) = entries.next_key_seed(NameIn(&names))? {
            match name {
                None => _ = entries.next_value::<IgnoredAny>()?,
                Some("header") => head.header = entries.next_value_seed(ReadHeader(self.0))?,
                Some("data") => head.data = entries.next_value_seed(ReadData(self.0))?,
                Some(name) => {
                    let value = entries.next_value_seed(ReadValue(self.0))?;
                    head.own.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Some(head))
    }
}

seed! {
    ReadHeader<'_> => Map<String, Value>,
    other: Map::new(),

    fn visit_unit<E>(self) -> Result<Map<String, Value>, E> {
        Ok(Map::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Map<String, Value>, A::Error> {
        ignore_items(items).map(|()| Map::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Map<String, Value>, A::Error> {
        let mut names = Map::new();
        while let Some(name) = entries.next_key_seed(NameIn(&NAMES))? {
            match name {
                None => _ = entries.next_value::<IgnoredAny>()?,
                Some(name) => {
                    let value = entries.next_value_seed(ReadValue(self.0))?;
                    names.insert(name.to_owned(), value);
                }
            }
        }
        Ok(names)
    }
}

seed! {
    ReadData<'_> => Data,
    other: Data::Invalid,

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Data, A::Error> {
        first_of(items).map(Data::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let (mut docs, mut id, mut has_all_keys) = (None, None, false);
        while let Some(name) = entries.next_key_seed(NameIn(&["docs", "id", "granularity"]))? {
            match name {
                Some("docs") => docs = Some(entries.next_value_seed(ReadDocs)?),
                Some("id") => id = entries.next_value_seed(ReadValue(self.0))?.as_str().map(str::to_owned),
                other => {
                    has_all_keys |= other.is_some();
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(docs.unwrap_or(Data::Single(First { exists: true, has_all_keys }, id)))
    }
}

seed! {
    ReadDocs => Data,
    other: Data::Invalid,

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Invalid)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Data, A::Error> {
        first_of(items).map(Data::Docs)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Data, A::Error> {
        ignore_entries(entries).map(|()| Data::Invalid)
    }
}

seed! {
    ReadFirst => First,
    other: First { exists: true, has_all_keys: false },

    fn visit_unit<E>(self) -> Result<First, E> {
        Ok(First { exists: true, has_all_keys: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<First, A::Error> {
        ignore_items(items).map(|()| First { exists: true, has_all_keys: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<First, A::Error> {
        let mut has_all_keys = false;
        while let Some(name) = entries.next_key_seed(NameIn(&["granularity"]))? {
            has_all_keys |= name.is_some();
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(First { exists: true, has_all_keys })
    }
}

/// Reads the part of a request at a path of keys with `reader`, and skips the rest. The result is `None` if there is no
/// such part.
pub(super) struct ReadUnder<'n, S> {
    /// Keys that lead to the part, the outermost first.
    pub(super) names: &'n [&'static str],
    pub(super) reader: S,
}

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for ReadUnder<'_, S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.names.is_empty() {
            true => self.reader.deserialize(deserializer).map(Some),
            false => deserializer.deserialize_map(self),
        }
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for ReadUnder<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let Some((name, inner)) = self.names.split_first() else { return Ok(None) };
        let mut found = None;
        while let Some(key) = entries.next_key_seed(NameIn(std::slice::from_ref(name)))? {
            match key {
                // The last one of several values counts.
                Some(_) => {
                    found = entries.next_value_seed(ReadUnder { names: inner, reader: self.reader })?;
                }
                None => _ = entries.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }
}
