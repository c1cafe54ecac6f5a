//! Fields of documents that are read from JSON directly: arrays of numbers, and lists of documents. A JSON value for
//! each of their parts would occupy many times their memory.

use std::fmt;

use flowrun_sdk::{Document, Parameter as _, Tensor};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::json_documents::ReadDocument;
use super::json_value::{Failure, GrowingList, ReadContext, ReadValue};

/// A field that was read.
pub(super) enum Field<T> {
    /// A list that was read directly.
    Direct(T),
    /// Any other value, and an empty list.
    Value(Value),
}

/// Reader of a list that is not empty. [`ReadField`] reads everything else as a JSON value.
pub(super) trait ReadList: Copy {
    type List;

    fn context(&self) -> &ReadContext<'_>;

    /// Reads the list; `None` if it is empty.
    fn read_list<'de, A: SeqAccess<'de>>(self, items: A) -> Result<Option<Self::List>, A::Error>;
}

/// Reads a field by a [`ReadList`].
pub(super) struct ReadField<R>(pub(super) R);

impl<'de, R: ReadList> DeserializeSeed<'de> for ReadField<R> {
    type Value = Field<R::List>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(FieldVisitor(self.0))
    }
}

struct FieldVisitor<R>(R);

impl<R: ReadList> FieldVisitor<R> {
    fn value(&self) -> ReadValue<'_> {
        ReadValue(self.0.context())
    }
}

impl<'de, R: ReadList> Visitor<'de> for FieldVisitor<R> {
    type Value = Field<R::List>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.value().visit_bool(value).map(Field::Value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.value().visit_i64(value).map(Field::Value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.value().visit_u64(value).map(Field::Value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.value().visit_f64(value).map(Field::Value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.value().visit_str(value).map(Field::Value)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Value(Value::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        self.value().visit_map(entries).map(Field::Value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        let list = self.0.read_list(items)?;
        Ok(list.map_or_else(|| Field::Value(Value::Array(Vec::new())), Field::Direct))
    }
}

/// Reads nested lists of numbers as an array. All lists of a level must have the same length.
#[derive(Clone, Copy)]
pub(super) struct ReadTensor<'c> {
    pub(super) document: ReadDocument<'c>,
    /// Name of the field.
    pub(super) name: &'static str,
}

impl ReadList for ReadTensor<'_> {
    type List = Tensor;

    fn context(&self) -> &ReadContext<'_> {
        self.document.context
    }

    fn read_list<'de, A: SeqAccess<'de>>(self, items: A) -> Result<Option<Tensor>, A::Error> {
        let elements = GrowingList::new(self.document.context);
        let mut array = Array { reader: self, shape: Vec::new(), axes: None, elements };
        Level { array: &mut array, depth: 0 }.visit_seq(items)?;
        if array.shape == [Some(0)] {
            return Ok(None);
        }
        let shape = array.shape.iter().map(|size| size.unwrap_or_default()).collect();
        let tensor = Tensor::from_f32(shape, array.elements.finish()?);
        tensor.map(Some).map_err(|_| self.irregular())
    }
}

impl ReadTensor<'_> {
    /// Ends reading because of a field that is no rectangular array of numbers. It is an error in a document of the
    /// first schema; one of the second is read again by values.
    fn irregular<E: Error>(&self) -> E {
        // The error of any value that is no array.
        let error = Document::default().set_json_field(self.name, &Value::Bool(true)).err();
        let error = error.filter(|_| !self.document.is_schema2());
        self.document.context.fail(error.map_or(Failure::Irregular, Failure::Document))
    }
}

/// Maximum number of axes of an array: that of numpy before its version 2. It bounds the recursion.
const AXES_MAX: usize = 32;

/// An array that is being read.
struct Array<'c> {
    reader: ReadTensor<'c>,
    /// Length of the lists of each level; `None` while the first one is being read.
    shape: Vec<Option<usize>>,
    /// Number of axes, once the first number, or the end of an empty list, was read.
    axes: Option<usize>,
    elements: GrowingList<'c, f32>,
}

/// Reads the element of an array at a depth: a number or a list. The depth of the array itself is 0.
struct Level<'t, 'c> {
    array: &'t mut Array<'c>,
    depth: usize,
}

impl Level<'_, '_> {
    /// Adds a number. `None`, or a number at another depth than the first one, ends reading.
    fn push<E: Error>(self, number: Option<f32>) -> Result<(), E> {
        let Self { array, depth } = self;
        match number {
            Some(number) if *array.axes.get_or_insert(depth) == depth => array.elements.push(number),
            _ => Err(array.reader.irregular()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.push(None)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.push(f32::parse(&value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.push(f32::parse(&value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.push(f32::parse(&value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.array.reader.context().take(value.len())?;
        self.array.reader.context().budget.release(value.len());
        self.push(f32::parse(&value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.push(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { array, depth } = self;
        if depth >= AXES_MAX || array.axes.is_some_and(|axes| depth >= axes) {
            return Err(array.reader.irregular());
        }
        if array.shape.len() == depth {
            array.shape.push(None);
        }
        let mut count = 0;
        while items.next_element_seed(Level { array: &mut *array, depth: depth + 1 })?.is_some() {
            count += 1;
        }
        array.axes.get_or_insert(depth + 1);
        let length = array.shape.get_mut(depth).map(|size| *size.get_or_insert(count));
        if length == Some(count) { Ok(()) } else { Err(array.reader.irregular()) }
    }
}

/// Reads the chunks or matches of a document.
#[derive(Clone, Copy)]
pub(super) struct ReadNested<'c>(pub(super) ReadDocument<'c>);

impl ReadList for ReadNested<'_> {
    type List = Vec<Document>;

    fn context(&self) -> &ReadContext<'_> {
        self.0.context
    }

    fn read_list<'de, A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Vec<Document>>, A::Error> {
        let mut documents = GrowingList::new(self.0.context);
        while let Some(document) = items.next_element_seed(self.0.nested())? {
            documents.push(document)?;
        }
        let documents = documents.finish()?;
        Ok((!documents.is_empty()).then_some(documents))
    }
}
