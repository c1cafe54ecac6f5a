//! Reads the documents of a JSON request one after the other, each from its own values.
//!
//! Only one document at a time exists as JSON values, without its arrays and without the documents in it, which are read
//! directly (see [`json_fields`](super::json_fields)), and without fields of many numbers of the second schema (see
//! [`json_numbers`](super::json_numbers)). A document of the second schema may have values of any type in fields with the
//! names of arrays and lists of documents; a request with such a document is read once more, by way of values alone.

use std::fmt;

use flowrun_sdk::{DecodeBudgetError, Document, JsonError, Tensor};
use flowrun_wire::KIND_TAGS;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::json_document::{DocumentForm, read_one};
use super::json_fields::{Field, ReadField, ReadNested, ReadTensor};
use super::json_numbers::FieldTexts;
use super::json_value::{
    ENTRY_BYTES, Failure, GrowingList, GrowingObject, OBJECT_BYTES, ReadContext, ReadValue,
};
use super::schema2;
use crate::limits::REQUEST_DOCUMENTS_MAX;

/// Memory of the list of chunks or matches of a document, besides the documents.
const LIST_BYTES: usize = 256;

/// Memory of the record of a document with fields of many numbers, besides them: two objects with an entry each.
const RECORD_BYTES: usize = 2 * (OBJECT_BYTES + 3 * ENTRY_BYTES);

/// Reads a document.
#[derive(Clone, Copy)]
pub(super) struct ReadDocument<'c> {
    pub(super) context: &'c ReadContext<'c>,
    /// Form of the document in JSON.
    pub(super) form: DocumentForm,
    /// True to read every field as a JSON value first.
    pub(super) by_values: bool,
    is_nested: bool,
}

impl<'c> ReadDocument<'c> {
    /// Reads documents of a form; `by_values` to read every field as a value.
    pub(super) fn new(context: &'c ReadContext<'c>, form: DocumentForm, by_values: bool) -> Self {
        Self { context, form, by_values, is_nested: false }
    }

    /// Reader of the documents inside this one.
    pub(super) fn nested(self) -> Self {
        Self { is_nested: true, ..self }
    }

    pub(super) fn is_schema2(&self) -> bool {
        self.form == DocumentForm::Schema2
    }

    fn not_an_object<E: Error>(self) -> E {
        let error = Document::from_json(&Value::Null).err();
        let error = error.filter(|_| !(self.is_nested && self.is_schema2()));
        self.context.fail(error.map_or(Failure::Irregular, Failure::Document))
    }
}

/// The parts of a document that are read directly.
#[derive(Default)]
struct DirectFields {
    tensor: Option<Tensor>,
    embedding: Option<Tensor>,
    chunks: Option<Vec<Document>>,
    matches: Option<Vec<Document>>,
}

impl<'de> DeserializeSeed<'de> for ReadDocument<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadDocument<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_unit<E: Error>(self) -> Result<Document, E> {
        Err(self.not_an_object())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Document, A::Error> {
        Err(self.not_an_object())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Document, A::Error> {
        let budget = self.context.budget;
        budget.add_document();
        let (mut direct, mut values) = (DirectFields::default(), GrowingObject::new(self.context));
        let (mut numbers, mut texts) = (GrowingObject::new(self.context), FieldTexts::new(self.context));
        let mut value_bytes = 0;
        while let Some(name) = entries.next_key_seed(&mut texts)? {
            let before = budget.used();
            // The last one of several values of a field counts.
            numbers.entries.remove(&name);
            if self.may_be_numbers(&name)
                && let Some(found) = texts.numbers()
            {
                entries.next_value::<IgnoredAny>()?;
                values.entries.remove(&name);
                self.context.take(found.encoded_bytes())?;
                numbers.insert(name, found.encode().into())?;
                continue;
            }
            match self.read_field(&name, &mut entries, &mut direct)? {
                Some(value) => {
                    let length = name.len();
                    values.insert(name, value)?;
                    value_bytes += length + budget.used().saturating_sub(before);
                }
                None => _ = values.entries.remove(&name),
            }
        }
        if !values.entries.is_empty() {
            // The record is one more tag.
            let before = budget.used();
            values.reserve_entry()?;
            value_bytes += budget.used().saturating_sub(before);
        }
        // The document has a copy, and a record of the keys that it has no fields for.
        self.context.take(2 * value_bytes)?;
        let values = Value::Object(values.entries);
        let document = if numbers.entries.is_empty() {
            read_one(&values, self.form)
        } else {
            self.context.take(RECORD_BYTES)?;
            schema2::read_with_nodes(&values, numbers.entries)
        };
        let document = document.map_err(|error| self.fail_document(error))?;
        drop(values);
        budget.release(value_bytes);
        self.with_direct_fields(document, direct)
    }
}

impl ReadDocument<'_> {
    /// True for fields that [`Document`] does not have.
    fn may_be_numbers(self, name: &str) -> bool {
        let own = ["tensor", "embedding", "chunks", "matches", "scores", KIND_TAGS];
        self.is_schema2() && !own.contains(&name)
    }

    /// Reads a field directly, or returns its value.
    fn read_field<'de, A: MapAccess<'de>>(
        self,
        name: &str,
        entries: &mut A,
        direct: &mut DirectFields,
    ) -> Result<Option<Value>, A::Error> {
        Ok(match name {
            _ if self.by_values => Some(entries.next_value_seed(ReadValue(self.context))?),
            "tensor" => {
                let reader = ReadTensor { document: self, name: "tensor" };
                set(&mut direct.tensor, entries.next_value_seed(ReadField(reader))?)
            }
            "embedding" => {
                let reader = ReadTensor { document: self, name: "embedding" };
                set(&mut direct.embedding, entries.next_value_seed(ReadField(reader))?)
            }
            "chunks" => set(&mut direct.chunks, entries.next_value_seed(ReadField(ReadNested(self)))?),
            "matches" => set(&mut direct.matches, entries.next_value_seed(ReadField(ReadNested(self)))?),
            _ => Some(entries.next_value_seed(ReadValue(self.context))?),
        })
    }

    fn fail_document<E: Error>(self, error: JsonError) -> E {
        self.context.fail(Failure::Document(error))
    }

    fn with_direct_fields<E: Error>(
        self,
        mut document: Document,
        direct: DirectFields,
    ) -> Result<Document, E> {
        let DirectFields { tensor, embedding, chunks, matches } = direct;
        document.tensor = tensor.or(document.tensor);
        document.embedding = embedding.or(document.embedding);
        if let Some(matches) = matches {
            self.context.take(LIST_BYTES)?;
            document.matches = matches.into();
        }
        if let Some(chunks) = chunks {
            self.context.take(LIST_BYTES)?;
            if !self.is_schema2() {
                self.context.take(chunks.len().saturating_mul(document.id.len()))?;
            }
            document.chunks = chunks.into();
            if !self.is_schema2() {
                document.set_parent_ids();
            }
        }
        Ok(document)
    }
}

/// Sets a field that was read directly, or returns its value.
fn set<T>(target: &mut Option<T>, field: Field<T>) -> Option<Value> {
    match field {
        Field::Direct(direct) => {
            *target = Some(direct);
            None
        }
        Field::Value(value) => {
            *target = None;
            Some(value)
        }
    }
}

/// Reads the list of documents of a request, up to [`REQUEST_DOCUMENTS_MAX`].
#[derive(Clone, Copy)]
pub(super) struct ReadDocuments<'c>(pub(super) ReadDocument<'c>);

impl<'de> DeserializeSeed<'de> for ReadDocuments<'_> {
    type Value = Vec<Document>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Document>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ReadDocuments<'_> {
    type Value = Vec<Document>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of documents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Document>, A::Error> {
        let mut documents = GrowingList::new(self.0.context);
        while documents.len() < REQUEST_DOCUMENTS_MAX {
            match items.next_element_seed(self.0)? {
                Some(document) => documents.push(document)?,
                None => return documents.finish(),
            }
        }
        match items.next_element::<IgnoredAny>()? {
            None => documents.finish(),
            Some(_) => {
                let documents_max = REQUEST_DOCUMENTS_MAX;
                let error = DecodeBudgetError::TooManyDocuments { documents_max };
                Err(self.0.context.fail(Failure::Budget(error)))
            }
        }
    }
}
