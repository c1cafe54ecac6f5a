//! Decodes messages of docarray's first schema into documents.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Number, Value};

use super::error::WireError;
use super::field_reader::{Field, FieldReader};
use crate::{Document, NamedScore, Tags, Tensor};

/// Limit of the nesting of messages; prost has the same.
const DEPTH_MAX: u32 = 100;

/// Decodes parts of one message.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    /// The whole message if payloads share its memory; `None` if they are copied.
    shared: Option<&'a Bytes>,
    /// Remaining levels of nesting.
    depth: u32,
}

impl<'a> Decoder<'a> {
    /// Creates a decoder. Payloads are copied if `shared` is `None`; otherwise they share its memory, and every slice that is
    /// decoded has to be a part of it.
    pub(super) fn new(shared: Option<&'a Bytes>) -> Self {
        Self { shared, depth: DEPTH_MAX }
    }

    /// Returns the decoder of a nested message.
    ///
    /// # Errors
    /// [`WireError::TooDeep`] if no level of nesting remains.
    pub(super) fn deeper(self) -> Result<Self, WireError> {
        let depth = self.depth.checked_sub(1).ok_or(WireError::TooDeep)?;
        Ok(Self { depth, ..self })
    }

    fn payload(self, bytes: &[u8]) -> Bytes {
        self.shared.map_or_else(|| Bytes::copy_from_slice(bytes), |whole| whole.slice_ref(bytes))
    }

    /// Decodes a `DocumentArrayProto`.
    pub(super) fn list(self, list: &[u8]) -> Result<Vec<Document>, WireError> {
        let mut documents = Vec::with_capacity(FieldReader::new(list).count_of(1));
        for field in FieldReader::new(list) {
            if let (1, document) = field? {
                self.deeper()?.append(document.bytes()?, &mut documents)?;
            }
        }
        Ok(documents)
    }

    /// Decodes a `DocumentProto`.
    pub(super) fn document(self, message: &[u8]) -> Result<Document, WireError> {
        let mut document = Document::default();
        self.fill(message, &mut document)?;
        Ok(document)
    }

    /// Appends a document to a list. It is decoded inside the list, because documents are large.
    fn append(self, message: &[u8], documents: &mut Vec<Document>) -> Result<(), WireError> {
        documents.push(Document::default());
        documents.last_mut().map_or(Ok(()), |document| self.fill(message, document))
    }

    fn fill(self, message: &[u8], document: &mut Document) -> Result<(), WireError> {
        let (mut tensor, mut embedding) = (ArrayDecoder::default(), ArrayDecoder::default());
        let (mut chunks, mut matches, mut tags) = (Vec::new(), Vec::new(), Tags::new());
        let mut fields = FieldReader::new(message);
        while let Some(field) = fields.next() {
            let (number, field) = field?;
            match number {
                1 => field.str()?.clone_into(&mut document.id),
                2 => document.blob = Some(self.payload(field.bytes()?)),
                3 => tensor.merge(field.bytes()?)?,
                4 => document.text = Some(field.str()?.into()),
                5 => document.granularity = field.uint32()?,
                6 => document.adjacency = field.uint32()?,
                7 => field.str()?.clone_into(&mut document.parent_id),
                8 => document.weight = Some(field.float()?),
                9 => field.str()?.clone_into(&mut document.uri),
                10 => field.str()?.clone_into(&mut document.modality),
                11 => field.str()?.clone_into(&mut document.mime_type),
                12 => document.offset = Some(field.float()?),
                13 => field.append_floats(&mut document.location)?,
                14 | 15 => {
                    let list = if number == 14 { &mut chunks } else { &mut matches };
                    if list.is_empty() {
                        // Growing step by step would occupy up to three times the memory.
                        list.reserve_exact(1 + fields.count_of(number));
                    }
                    self.deeper()?.append(field.bytes()?, list)?;
                }
                16 => embedding.merge(field.bytes()?)?,
                17 => self.deeper()?.object(field.bytes()?, &mut tags)?,
                18 | 19 => {
                    let (name, score) = map_entry(field.bytes()?, score)?;
                    let scores = match number {
                        18 => &mut document.scores,
                        _ => &mut document.docarray_mut().evaluations,
                    };
                    scores.insert(name.to_owned(), score.unwrap_or_default());
                }
                20 => self.deeper()?.object(field.bytes()?, &mut document.docarray_mut().metadata)?,
                _ => {}
            }
        }
        document.tensor = tensor.finish(self)?;
        document.embedding = embedding.finish(self)?;
        if !tags.is_empty() {
            document.tags = Arc::new(tags);
        }
        // A message without entries sets nothing.
        document.docarray = document.docarray.take().filter(|fields| !fields.is_empty());
        document.chunks = chunks.into();
        document.matches = matches.into();
        document.set_parent_ids();
        Ok(())
    }

    /// Adds the entries of a `Struct` to an object.
    pub(super) fn object(self, message: &[u8], object: &mut Map<String, Value>) -> Result<(), WireError> {
        if object.is_empty() {
            *object = Map::with_capacity(FieldReader::new(message).count_of(1));
        }
        for field in FieldReader::new(message) {
            if let (1, field) = field? {
                let (name, value) = map_entry(field.bytes()?, |value| self.deeper()?.value(value))?;
                object.insert(name.to_owned(), value.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn value(self, message: &[u8]) -> Result<Value, WireError> {
        let mut value = Value::Null;
        for field in FieldReader::new(message) {
            value = match field? {
                (1, field) => field.uint32().map(|_| Value::Null)?,
                (2, field) => {
                    let number = field.double()?;
                    integer(number).or_else(|| Number::from_f64(number)).into()
                }
                (3, field) => field.str()?.into(),
                (4, field) => (field.uint32()? != 0).into(),
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
        let mut items = Vec::with_capacity(FieldReader::new(message).count_of(1));
        for field in FieldReader::new(message) {
            if let (1, field) = field? {
                items.push(self.deeper()?.value(field.bytes()?)?);
            }
        }
        Ok(items)
    }
}

/// Decodes an entry of a map: the key, and the value with `read`. The value is `None` if the entry has none.
pub(super) fn map_entry<'a, T>(
    message: &'a [u8],
    read: impl Fn(&'a [u8]) -> Result<T, WireError>,
) -> Result<(&'a str, Option<T>), WireError> {
    let (mut name, mut value) = ("", None);
    for field in FieldReader::new(message) {
        match field? {
            (1, field) => name = field.str()?,
            (2, field) => value = Some(read(field.bytes()?)?),
            _ => {}
        }
    }
    Ok((name, value))
}

/// Decodes a `NamedScoreProto`.
pub(super) fn score(message: &[u8]) -> Result<NamedScore, WireError> {
    let mut score = NamedScore::default();
    for field in FieldReader::new(message) {
        match field? {
            (1, field) => score.value = field.float()?,
            (2, field) => field.str()?.clone_into(&mut score.op_name),
            (3, field) => field.str()?.clone_into(&mut score.description),
            (4, field) => field.str()?.clone_into(&mut score.ref_id),
            _ => {}
        }
    }
    Ok(score)
}

/// Accumulates the fields of an array. Sparse arrays decode to `None`.
#[derive(Default)]
pub(super) struct ArrayDecoder<'a> {
    dense: bool,
    buffer: &'a [u8],
    shape: Vec<usize>,
    data_type: &'a str,
}

impl<'a> ArrayDecoder<'a> {
    /// Adds an occurrence of the field, as protobuf merges repeated occurrences of a message.
    pub(super) fn merge(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        for field in FieldReader::new(message) {
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
        for field in FieldReader::new(dense.bytes()?) {
            match field? {
                (1, field) => self.buffer = field.bytes()?,
                (2, field) => field.append_axes(&mut self.shape)?,
                (3, field) => self.data_type = field.str()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Creates the tensor; `None` if the array is sparse or absent.
    ///
    /// # Errors
    /// [`WireError::Tensor`] if the shape and the data type do not match the bytes.
    pub(super) fn finish(self, decoder: Decoder<'_>) -> Result<Option<Tensor>, WireError> {
        if !self.dense {
            return Ok(None);
        }
        Ok(Some(Tensor::new(self.data_type.parse()?, self.shape, decoder.payload(self.buffer))?))
    }
}

/// Converts a double without a fraction to an integer: a tag that was written as `3` reads back as `3`, not as `3.0`.
fn integer(number: f64) -> Option<Number> {
    /// 2⁵³, up to which doubles represent every integer exactly.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    let exact = || Number::from(number as i64);
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then(exact)
}
