//! JSON values that take their memory from a budget while they are read.

use std::cell::RefCell;
use std::fmt;

use flowrun_sdk::{DecodeBudget, DecodeBudgetError, JsonError};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Memory of an entry of an object, besides its name and content.
pub(super) const ENTRY_BYTES: usize = size_of::<(u64, String, Value)>() + 24;

/// Memory of an object with entries, besides them.
pub(super) const OBJECT_BYTES: usize = 64;

/// Reason why JSON of valid syntax is not read.
#[derive(Debug)]
pub(super) enum Failure {
    /// It exceeds the budget.
    Budget(DecodeBudgetError),
    /// A document has a field of the wrong type.
    Document(JsonError),
    /// A document has to be read by way of a value.
    Irregular,
}

/// Context of reading one request: its budget, and the reason why it is not read further.
pub(super) struct ReadContext<'a> {
    /// The text of the request.
    pub(super) body: &'a [u8],
    pub(super) budget: &'a DecodeBudget<'a>,
    failure: RefCell<Option<Failure>>,
}

impl<'a> ReadContext<'a> {
    pub(super) fn new(body: &'a [u8], budget: &'a DecodeBudget<'a>) -> Self {
        Self { body, budget, failure: RefCell::default() }
    }

    /// Takes `bytes` of memory from the budget.
    ///
    /// # Errors
    /// [`Failure::Budget`], recorded as by [`fail`](Self::fail).
    pub(super) fn take<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.budget.take(bytes).map_err(|error| self.fail(Failure::Budget(error)))
    }

    /// Records why reading ends. Returns an error that ends the deserializer.
    pub(super) fn fail<E: Error>(&self, failure: Failure) -> E {
        self.failure.replace(Some(failure));
        E::custom("the request is not read further")
    }

    /// Takes the recorded reason; `None` if there is none, because the syntax is invalid.
    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.take()
    }
}

/// A list that takes its memory as it grows.
pub(super) struct GrowingList<'c, T> {
    items: Vec<T>,
    context: &'c ReadContext<'c>,
}

impl<'c, T> GrowingList<'c, T> {
    pub(super) fn new(context: &'c ReadContext<'c>) -> Self {
        Self { items: Vec::new(), context }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn push<E: Error>(&mut self, item: T) -> Result<(), E> {
        let before = self.items.capacity();
        if self.items.len() == before {
            let after = (2 * before).max(4);
            self.context.take(after * size_of::<T>())?;
            self.items.reserve_exact(after - before);
            self.context.budget.release(before * size_of::<T>());
        }
        self.items.push(item);
        Ok(())
    }

    /// The list, shrunk to the memory that it needs.
    pub(super) fn finish<E: Error>(mut self) -> Result<Vec<T>, E> {
        let before = self.items.capacity();
        if self.items.len() < before {
            self.context.take(self.items.len() * size_of::<T>())?;
            self.items.shrink_to_fit();
            self.context.budget.release(before * size_of::<T>());
        }
        Ok(self.items)
    }
}

/// An object that takes its memory as it grows.
pub(super) struct GrowingObject<'c> {
    pub(super) entries: Map<String, Value>,
    capacity: usize,
    context: &'c ReadContext<'c>,
}

impl<'c> GrowingObject<'c> {
    pub(super) fn new(context: &'c ReadContext<'c>) -> Self {
        Self { entries: Map::new(), capacity: 0, context }
    }

    /// Takes the memory for one more entry. That of the smaller map is returned, which is released once the map has grown.
    fn take_entry<E: Error>(&mut self) -> Result<usize, E> {
        let before = self.capacity;
        if self.entries.len() < before {
            return Ok(0);
        }
        // As the map grows: its table is full at seven eighths of a power of two.
        self.capacity = match before {
            0 => 3,
            3 => 7,
            _ => 2 * before,
        };
        let own = if before == 0 { OBJECT_BYTES } else { 0 };
        self.context.take(self.capacity * ENTRY_BYTES + own)?;
        Ok(before * ENTRY_BYTES)
    }

    pub(super) fn insert<E: Error>(&mut self, name: String, value: Value) -> Result<(), E> {
        let smaller = self.take_entry()?;
        self.entries.insert(name, value);
        self.context.budget.release(smaller);
        Ok(())
    }

    /// Takes the memory that the map would have with one more entry.
    pub(super) fn reserve_entry<E: Error>(&mut self) -> Result<(), E> {
        let smaller = self.take_entry()?;
        self.context.budget.release(smaller);
        Ok(())
    }
}

/// Reads a value.
#[derive(Clone, Copy)]
pub(super) struct ReadValue<'c>(pub(super) &'c ReadContext<'c>);

impl<'de> DeserializeSeed<'de> for ReadValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.0.take(value.len())?;
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = GrowingList::new(self.0);
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item)?;
        }
        list.finish().map(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = GrowingObject::new(self.0);
        while let Some(name) = entries.next_key_seed(ReadName(self.0))? {
            object.insert(name, entries.next_value_seed(self)?)?;
        }
        Ok(object.entries.into())
    }
}

/// Reads the name of an entry.
pub(super) struct ReadName<'c>(pub(super) &'c ReadContext<'c>);

impl<'de> DeserializeSeed<'de> for ReadName<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ReadName<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        self.0.take(name.len())?;
        Ok(name.to_owned())
    }
}
