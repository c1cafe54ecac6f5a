//! From messages to documents.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::WireError;
use super::field::{Field, Fields};
use crate::{Document, NamedScore, Tags, Tensor};

/// How deep messages may lie in one another, as in prost.
const DEPTH_MAX: u32 = 100;

/// The message that everything read is a part of.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Payloads are shared with it instead of copied, when it can be shared.
    pub(super) whole: Option<&'a Bytes>,
    /// How deep the part that is read may still be.
    depth: u32,
}

impl<'a> Reading<'a> {
    pub(super) fn of(whole: Option<&'a Bytes>) -> Self {
        Self { whole, depth: DEPTH_MAX }
    }

    pub(super) fn deeper(self) -> Result<Self, WireError> {
        let depth = self.depth.checked_sub(1).ok_or(WireError::TooDeep)?;
        Ok(Self { depth, ..self })
    }

    fn payload(self, bytes: &[u8]) -> Bytes {
        self.whole.map_or_else(|| Bytes::copy_from_slice(bytes), |whole| whole.slice_ref(bytes))
    }

    /// The documents of a list.
    pub(super) fn list(self, list: &[u8]) -> Result<Vec<Document>, WireError> {
        let mut documents = Vec::with_capacity(Fields::of(list).count());
        for field in Fields::of(list) {
            if let (1, document) = field? {
                self.deeper()?.add(document.bytes()?, &mut documents)?;
            }
        }
        Ok(documents)
    }

    /// The document that a message stands for.
    pub(super) fn document(self, message: &[u8]) -> Result<Document, WireError> {
        let mut document = Document::default();
        self.fill(message, &mut document)?;
        Ok(document)
    }

    /// Adds the document that a message stands for to a list; made in its place, because a document is large.
    fn add(self, message: &[u8], documents: &mut Vec<Document>) -> Result<(), WireError> {
        documents.push(Document::default());
        documents.last_mut().map_or(Ok(()), |document| self.fill(message, document))
    }

    fn fill(self, message: &[u8], document: &mut Document) -> Result<(), WireError> {
        let (mut tensor, mut embedding) = (Array::default(), Array::default());
        let (mut chunks, mut matches, mut tags) = (Vec::new(), Vec::new(), Tags::new());
        for field in Fields::of(message) {
            let (number, field) = field?;
            match number {
                1 => field.text()?.clone_into(&mut document.id),
                2 => document.blob = Some(self.payload(field.bytes()?)),
                3 => tensor.merge(field.bytes()?)?,
                4 => document.text = Some(field.text()?.into()),
                5 => document.granularity = field.number()?,
                6 => document.adjacency = field.number()?,
                7 => field.text()?.clone_into(&mut document.parent_id),
                8 => document.weight = Some(field.float()?),
                9 => field.text()?.clone_into(&mut document.uri),
                10 => field.text()?.clone_into(&mut document.modality),
                11 => field.text()?.clone_into(&mut document.mime_type),
                12 => document.offset = Some(field.float()?),
                13 => field.floats(&mut document.location)?,
                14 => self.deeper()?.add(field.bytes()?, &mut chunks)?,
                15 => self.deeper()?.add(field.bytes()?, &mut matches)?,
                16 => embedding.merge(field.bytes()?)?,
                17 => self.deeper()?.object(field.bytes()?, &mut tags)?,
                18 => {
                    let (name, score) = entry(field.bytes()?, score)?;
                    document.scores.insert(name.to_owned(), score.unwrap_or_default());
                }
                _ => {}
            }
        }
        document.tensor = tensor.finish(self)?;
        document.embedding = embedding.finish(self)?;
        if !tags.is_empty() {
            document.tags = Arc::new(tags);
        }
        document.chunks = chunks.into();
        document.matches = matches.into();
        document.set_parent_ids();
        Ok(())
    }

    /// Adds what a `Struct` holds to an object.
    pub(super) fn object(self, message: &[u8], object: &mut Map<String, Value>) -> Result<(), WireError> {
        for field in Fields::of(message) {
            if let (1, field) = field? {
                let (name, value) = entry(field.bytes()?, |value| self.deeper()?.value(value))?;
                object.insert(name.to_owned(), value.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn value(self, message: &[u8]) -> Result<Value, WireError> {
        let mut value = Value::Null;
        for field in Fields::of(message) {
            value = match field? {
                (1, field) => field.number().map(|_| Value::Null)?,
                (2, field) => {
                    let number = field.double()?;
                    whole(number).or_else(|| Number::from_f64(number)).into()
                }
                (3, field) => field.text()?.into(),
                (4, field) => (field.number()? != 0).into(),
                (5, field) => {
                    let mut object = Map::new();
                    self.deeper()?.object(field.bytes()?, &mut object)?;
                    object.into()
                }
                (6, field) => self.deeper()?.items(field.bytes()?)?.into(),
                _ => value,
            };
        }
        Ok(value)
    }

    fn items(self, message: &[u8]) -> Result<Vec<Value>, WireError> {
        let mut items = Vec::new();
        for field in Fields::of(message) {
            if let (1, field) = field? {
                items.push(self.deeper()?.value(field.bytes()?)?);
            }
        }
        Ok(items)
    }
}

/// The key and the value of an entry of a map.
pub(super) fn entry<'a, T>(
    message: &'a [u8],
    read: impl Fn(&'a [u8]) -> Result<T, WireError>,
) -> Result<(&'a str, Option<T>), WireError> {
    let (mut name, mut value) = ("", None);
    for field in Fields::of(message) {
        match field? {
            (1, field) => name = field.text()?,
            (2, field) => value = Some(read(field.bytes()?)?),
            _ => {}
        }
    }
    Ok((name, value))
}

pub(super) fn score(message: &[u8]) -> Result<NamedScore, WireError> {
    let mut score = NamedScore::default();
    for field in Fields::of(message) {
        match field? {
            (1, field) => score.value = field.float()?,
            (2, field) => field.text()?.clone_into(&mut score.op_name),
            (3, field) => field.text()?.clone_into(&mut score.description),
            (4, field) => field.text()?.clone_into(&mut score.ref_id),
            _ => {}
        }
    }
    Ok(score)
}

/// What has been seen of an array. One that is not dense is none.
#[derive(Default)]
pub(super) struct Array<'a> {
    dense: bool,
    buffer: &'a [u8],
    shape: Vec<usize>,
    data_type: &'a str,
}

impl<'a> Array<'a> {
    pub(super) fn merge(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        for field in Fields::of(message) {
            match field? {
                (1, field) => self.merge_dense(field)?,
                (2, _) => *self = Self::default(),
                _ => {}
            }
        }
        Ok(())
    }

    fn merge_dense(&mut self, dense: Field<'a>) -> Result<(), WireError> {
        self.dense = true;
        for field in Fields::of(dense.bytes()?) {
            match field? {
                (1, field) => self.buffer = field.bytes()?,
                (2, field) => field.sides(&mut self.shape)?,
                (3, field) => self.data_type = field.text()?,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn finish(self, reading: Reading<'_>) -> Result<Option<Tensor>, WireError> {
        if !self.dense {
            return Ok(None);
        }
        Ok(Some(Tensor::new(self.data_type.parse()?, self.shape, reading.payload(self.buffer))?))
    }
}

/// A double without a fraction as an integer: what a user wrote as `3` reads back as `3`, not as `3.0`.
fn whole(number: f64) -> Option<Number> {
    /// Up to here doubles tell every integer from its neighbours.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let integer = || Number::from(number as i64);
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then(integer)
}
