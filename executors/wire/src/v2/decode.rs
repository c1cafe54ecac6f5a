//! Decodes documents of the second schema straight from their messages.
//!
//! The generated types would occupy 2 kB for each map, so they are only used for parts of the output. Payloads share the
//! memory of the message. Fields that JSON cannot represent are checked and kept as the bytes that they came in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flowrun_sdk::protobuf::{Field, FieldReader, WireError};
use flowrun_sdk::{DecodeBudget, Document, NamedScore, Tags, Tensor};
use indexmap::IndexMap;
use serde_json::{Map, Number, Value};

use super::node::{Node, check, entry};
use super::usual_type;
use crate::extra_fields::{ExtraFields, KIND_NULL, KIND_TAGS, RECORD_TAG};

/// Limit of the nesting of messages; prost has the same.
const DEPTH_MAX: u32 = 100;

/// Memory of an entry of an object, besides its name and content.
const ENTRY_BYTES: usize = size_of::<(u64, String, Value)>() + 24;

/// Memory of an entry of a map that grows step by step.
const GROWING_ENTRY_BYTES: usize = 3 * ENTRY_BYTES;

/// Memory of an object with entries, besides them.
const OBJECT_BYTES: usize = 64;

/// Memory of the record of a document besides its fields: up to four objects; three are entries of the fourth.
const RECORD_BYTES: usize = 4 * OBJECT_BYTES + 5 * ENTRY_BYTES;

/// Upper bound of the length of a kind's name, see [`Node::kind`].
const KIND_NAME_BYTES: usize = 8;

/// Memory of a list of documents, besides them.
const LIST_BYTES: usize = 256;

/// Decodes documents of one message.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    /// The whole message, whose memory payloads share.
    whole: &'a Bytes,
    budget: &'a DecodeBudget<'a>,
    /// Remaining levels of nesting.
    depth: u32,
}

impl<'a> Decoder<'a> {
    /// Creates a decoder of `whole`, which takes the memory of decoded documents from `budget`.
    pub(super) fn new(whole: &'a Bytes, budget: &'a DecodeBudget<'a>) -> Self {
        Self { whole, budget, depth: DEPTH_MAX }
    }

    fn deeper(self) -> Result<Self, WireError> {
        let depth = self.depth.checked_sub(1).ok_or(WireError::TooDeep)?;
        Ok(Self { depth, ..self })
    }

    fn text(self, text: &str) -> Result<String, WireError> {
        self.budget.take(text.len())?;
        Ok(text.to_owned())
    }

    /// Decodes a list of documents.
    pub(super) fn list(self, list: &'a [u8]) -> Result<Vec<Document>, WireError> {
        let fields = FieldReader::new(list);
        let count = fields.count_of(1);
        self.budget.add_documents(count);
        self.budget.take(count * size_of::<Document>())?;
        let mut documents = Vec::with_capacity(count);
        for field in fields {
            if let (1, document) = field? {
                documents.push(self.deeper()?.document(document.bytes()?)?);
            }
        }
        Ok(documents)
    }

    /// Decodes one document.
    pub(super) fn document(self, message: &'a [u8]) -> Result<Document, WireError> {
        let mut document = Document::default();
        let (mut tags, mut record) = (Tags::new(), ExtraFields::default());
        let fields = self.fields(message)?;
        // First, so that no other field claims the name of a tag.
        if let Some((_, bytes)) = fields.iter().find(|(name, _)| *name == KIND_TAGS) {
            let node = Node::read(bytes)?;
            match self.tags(&node)? {
                Some(entries) => {
                    tags = entries;
                    self.budget.take(RECORD_BYTES + GROWING_ENTRY_BYTES)?;
                    record.kinds.insert(KIND_TAGS.to_owned(), KIND_TAGS.into());
                }
                None => self.record_extra(KIND_TAGS, &node, &mut tags, &mut record)?,
            }
        }
        for (name, bytes) in fields.iter().filter(|(name, _)| *name != KIND_TAGS) {
            let node = Node::read(bytes)?;
            if !self.set_field(&mut document, name, &node)? {
                self.record_extra(name, &node, &mut tags, &mut record)?;
            } else if node.r#type != usual_type(name) || *name == "url" {
                // `url` is stored as `uri`; the entry in `types` preserves its name.
                self.budget.take(RECORD_BYTES + GROWING_ENTRY_BYTES)?;
                record.types.insert(self.text(name)?, self.text(node.r#type.unwrap_or_default())?.into());
            }
        }
        record.write_to(&mut tags);
        if !tags.is_empty() {
            self.budget.take(size_of::<Tags>() + 2 * size_of::<usize>())?;
            document.tags = Arc::new(tags);
        }
        Ok(document)
    }

    /// Names and messages of the fields, sorted by name. Of fields with the same name the last one counts.
    pub(super) fn fields(self, message: &'a [u8]) -> Result<Vec<(&'a str, &'a [u8])>, WireError> {
        let fields = FieldReader::new(message);
        let count = fields.count_of(1);
        // Sorting takes as much again.
        self.budget.take(2 * count * size_of::<(&str, &[u8])>())?;
        let mut entries = Vec::with_capacity(count);
        for field in fields {
            if let (1, field) = field? {
                entries.push(entry(field.bytes()?)?);
            }
        }
        // Stable: of equal names, the last one is kept.
        entries.reverse();
        entries.sort_by_key(|(name, _)| *name);
        entries.dedup_by_key(|(name, _)| *name);
        self.budget.release(count * size_of::<(&str, &[u8])>());
        Ok(entries)
    }

    /// The field `tags` as tags; `None` if they would not be restored exactly.
    fn tags(self, node: &Node<'a>) -> Result<Option<Tags>, WireError> {
        match (node.r#type, node.content) {
            (None, Some((12, _))) => match self.json(node)? {
                Some(Value::Object(entries)) => {
                    Ok(Some(entries).filter(|entries| !entries.contains_key(RECORD_TAG)))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Sets the field `name` of a document; `false` if [`Document`] has no such field.
    fn set_field(self, document: &mut Document, name: &str, node: &Node<'a>) -> Result<bool, WireError> {
        let Some((number, field)) = node.content else { return Ok(false) };
        match (name, number) {
            ("text", 1) => {
                let text = field.str()?;
                self.budget.take(text.len())?;
                document.text = Some(text.into());
            }
            ("id" | "uri" | "url" | "mime_type" | "modality" | "parent_id", 1) => {
                let target = match name {
                    "id" => &mut document.id,
                    "mime_type" => &mut document.mime_type,
                    "modality" => &mut document.modality,
                    "parent_id" => &mut document.parent_id,
                    _ => &mut document.uri,
                };
                let text = field.str()?;
                if text.is_empty() || !target.is_empty() {
                    return Ok(false);
                }
                *target = self.text(text)?;
            }
            ("blob", 5) => document.blob = Some(self.whole.slice_ref(field.bytes()?)),
            ("tensor", 6) | ("embedding", 6) => {
                let tensor = self.tensor(field.bytes()?)?;
                let is_set = tensor.is_some();
                *(if name == "tensor" { &mut document.tensor } else { &mut document.embedding }) = tensor;
                return Ok(is_set);
            }
            ("chunks" | "matches", 8) => {
                self.budget.take(LIST_BYTES)?;
                let documents = self.deeper()?.list(field.bytes()?)?;
                let is_set = !documents.is_empty();
                *(if name == "chunks" { &mut document.chunks } else { &mut document.matches }) =
                    documents.into();
                return Ok(is_set);
            }
            ("scores", 12) => match self.scores(field.bytes()?)? {
                Some(scores) => document.scores = scores,
                None => return Ok(false),
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Decodes an array; `None` if it would not be restored exactly.
    pub(super) fn tensor(self, message: &'a [u8]) -> Result<Option<Tensor>, WireError> {
        let (mut dense, mut plain) = (None, true);
        for field in FieldReader::new(message) {
            match field? {
                (1, field) => dense = Some(field.bytes()?),
                (2, field) => plain &= field.bytes()?.is_empty(),
                _ => {}
            }
        }
        let Some(dense) = dense.filter(|_| plain) else { return Ok(None) };
        let (mut buffer, mut shape, mut dtype) = (&[][..], Vec::new(), "");
        for field in FieldReader::new(dense) {
            match field? {
                (1, field) => buffer = field.bytes()?,
                (2, field) => match field.append_axes(&mut shape) {
                    Err(WireError::Tensor(_)) => return Ok(None),
                    appended => appended?,
                },
                (3, field) => dtype = field.str()?,
                _ => {}
            }
        }
        let Ok(data_type) = dtype.parse() else { return Ok(None) };
        let tensor = Tensor::new(data_type, shape, self.whole.slice_ref(buffer)).ok();
        Ok(tensor.filter(|tensor| tensor.data_type().to_string() == dtype))
    }

    /// Decodes a map to scores; `None` unless every value is an untyped number that single precision represents exactly.
    fn scores(self, message: &'a [u8]) -> Result<Option<IndexMap<String, NamedScore>>, WireError> {
        let mut scores = IndexMap::new();
        for (name, bytes) in self.fields(message)? {
            let node = Node::read(bytes)?;
            let (None, Some((3, field))) = (node.r#type, node.content) else { return Ok(None) };
            let value = field.double()?;
            #[expect(clippy::cast_possible_truncation, reason = "compared with the original before use")]
            let single = value as f32;
            #[expect(clippy::float_cmp, reason = "only an exact conversion is reversible")]
            if f64::from(single) != value {
                return Ok(None);
            }
            // The entries double as they grow.
            self.budget.take(3 * size_of::<(u64, String, NamedScore)>() + name.len())?;
            scores.insert(name.to_owned(), NamedScore::new(single, ""));
        }
        Ok(Some(scores).filter(|scores| !scores.is_empty()))
    }

    /// Stores a field that [`Document`] does not have as a tag, or in the record.
    fn record_extra(
        self,
        name: &str,
        node: &Node<'a>,
        tags: &mut Tags,
        record: &mut ExtraFields,
    ) -> Result<(), WireError> {
        // Its tag, and its entry in the record with the name of its kind.
        self.budget.take(2 * (GROWING_ENTRY_BYTES + name.len()) + KIND_NAME_BYTES)?;
        if *record == ExtraFields::default() {
            self.budget.take(RECORD_BYTES)?;
        }
        let name = name.to_owned();
        if node.content.is_none() && node.r#type.is_none() {
            record.kinds.insert(name, KIND_NULL.into());
            return Ok(());
        }
        let may_be_tag = !tags.contains_key(&name) && !name.starts_with("__");
        match if may_be_tag { self.json(node)? } else { None } {
            Some(value) => {
                record.kinds.insert(name.clone(), node.kind().into());
                tags.insert(name, value);
            }
            None => {
                check(node.bytes)?;
                self.budget.take(node.bytes.len().div_ceil(3) * 4)?;
                record.nodes.insert(name, STANDARD.encode(node.bytes).into());
            }
        }
        Ok(())
    }

    /// Converts a node to JSON; `None` if that would lose something.
    fn json(self, node: &Node<'a>) -> Result<Option<Value>, WireError> {
        if node.r#type.is_some() {
            return Ok(None);
        }
        let Some((number, field)) = node.content else { return Ok(Some(Value::Null)) };
        Ok(match number {
            1 => Some(self.text(field.str()?)?.into()),
            2 => Some(integer(field)?.into()),
            3 => Number::from_f64(field.double()?).map(Value::from),
            4 => Some((field.uint32()? != 0).into()),
            9 => self.deeper()?.items(field.bytes()?)?.map(Value::from),
            12 => self.deeper()?.object(field.bytes()?)?.map(Value::from),
            _ => None,
        })
    }

    fn items(self, list: &'a [u8]) -> Result<Option<Vec<Value>>, WireError> {
        let fields = FieldReader::new(list);
        let count = fields.count_of(1);
        self.budget.take(count * size_of::<Value>())?;
        let mut items = Vec::with_capacity(count);
        for field in fields {
            if let (1, item) = field? {
                let Some(value) = self.json(&Node::read(item.bytes()?)?)? else { return Ok(None) };
                items.push(value);
            }
        }
        Ok(Some(items))
    }

    fn object(self, dict: &'a [u8]) -> Result<Option<Map<String, Value>>, WireError> {
        let fields = FieldReader::new(dict);
        let count = fields.count_of(1);
        self.budget.take(OBJECT_BYTES + count * ENTRY_BYTES)?;
        let mut object = Map::with_capacity(count);
        for field in fields {
            if let (1, field) = field? {
                let (name, bytes) = entry(field.bytes()?)?;
                let Some(value) = self.json(&Node::read(bytes)?)? else { return Ok(None) };
                object.insert(self.text(name)?, value);
            }
        }
        Ok(Some(object))
    }
}

/// An `int32`, whose negative numbers are encoded in 64 bits.
pub(super) fn integer(field: Field<'_>) -> Result<i32, WireError> {
    field.uint32().map(u32::cast_signed)
}
