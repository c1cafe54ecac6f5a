//! Field values of the second schema as JSON, in the form that docarray writes: documents as objects, arrays as nested
//! lists, bytes as text. They are written straight from their messages.
//!
//! Types are lost: this is output for clients. Fields travel inside the flow as messages, see
//! [`ExtraFields`](crate::ExtraFields).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flowrun_sdk::DecodeBudget;
use flowrun_sdk::protobuf::{Field, FieldReader};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Value;

use super::decode::{Decoder, integer};
use super::node::{Node, check};

/// The value of a field, serialised as JSON.
#[derive(Clone, Copy, Debug)]
pub struct NodeJson<'a>(&'a Value);

impl<'a> NodeJson<'a> {
    /// The value of an entry of [`ExtraFields::nodes`](crate::ExtraFields::nodes); null if it is damaged.
    pub(crate) fn new(encoded: &'a Value) -> Self {
        Self(encoded)
    }
}

impl Serialize for NodeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let message = self.0.as_str().and_then(|text| STANDARD.decode(text).ok());
        let message = Bytes::from(message.filter(|message| check(message).is_ok()).unwrap_or_default());
        let budget = DecodeBudget::unbounded();
        let decoder = Decoder::new(&message, &budget);
        NodeRef { decoder, message: &message }.serialize(serializer)
    }
}

/// Bytes as docarray writes them to JSON: UTF-8 as it is. Other bytes, which docarray cannot write, are in base64.
#[must_use]
pub fn bytes_as_text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| STANDARD.encode(bytes), str::to_owned)
}

/// A `NodeProto` that has passed the [`check`].
struct NodeRef<'a> {
    decoder: Decoder<'a>,
    message: &'a [u8],
}

impl Serialize for NodeRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { decoder, message } = *self;
        let Some((number, field)) = Node::read(message).map_err(S::Error::custom)?.content else {
            return serializer.serialize_none();
        };
        match (number, field) {
            (1, text) => serializer.serialize_str(text.str().map_err(S::Error::custom)?),
            (2, number) => serializer.serialize_i32(integer(number).map_err(S::Error::custom)?),
            (3, number) => serializer.serialize_f64(number.double().map_err(S::Error::custom)?),
            (4, boolean) => serializer.serialize_bool(boolean.uint32().map_err(S::Error::custom)? != 0),
            (5, Field::Bytes(bytes)) => serializer.serialize_str(&bytes_as_text(bytes)),
            (6, Field::Bytes(array)) => {
                decoder.tensor(array).map_err(S::Error::custom)?.serialize(serializer)
            }
            (7 | 12, Field::Bytes(message)) => MapRef { decoder, message }.serialize(serializer),
            (8, Field::Bytes(list)) => {
                serializer.collect_seq(items(list).map(|message| MapRef { decoder, message }))
            }
            (9..=11, Field::Bytes(list)) => {
                serializer.collect_seq(items(list).map(|message| NodeRef { decoder, message }))
            }
            _ => serializer.serialize_none(),
        }
    }
}

/// A map of `NodeProto`s that has passed the [`check`].
struct MapRef<'a> {
    decoder: Decoder<'a>,
    message: &'a [u8],
}

impl Serialize for MapRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { decoder, message } = *self;
        let fields = decoder.fields(message).map_err(S::Error::custom)?;
        serializer.collect_map(fields.into_iter().map(|(name, message)| (name, NodeRef { decoder, message })))
    }
}

/// Messages of the items of a list.
fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    FieldReader::new(list).filter_map(|field| match field {
        Ok((1, Field::Bytes(item))) => Some(item),
        _ => None,
    })
}
