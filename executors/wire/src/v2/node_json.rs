//! Field values of the second schema as JSON, in the form that docarray writes: documents as objects, arrays as nested
//! lists, bytes as text.
//!
//! Types are lost: this is output for clients. Fields travel inside the flow as messages, see
//! [`ExtraFields`](crate::ExtraFields).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use super::{Content, NodeProto, decode_node, tensor};

/// The value of a field, serialised as JSON.
#[derive(Debug)]
pub struct NodeJson(NodeProto);

impl NodeJson {
    /// Decodes an entry of [`ExtraFields::nodes`](crate::ExtraFields::nodes); null if it is damaged.
    pub(crate) fn decode(encoded: &Value) -> Self {
        Self(decode_node(encoded))
    }
}

impl Serialize for NodeJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NodeRef(&self.0).serialize(serializer)
    }
}

/// Bytes as docarray writes them to JSON: UTF-8 as it is. Other bytes, which docarray cannot write, are in base64.
#[must_use]
pub fn bytes_as_text(bytes: &[u8]) -> String {
    str::from_utf8(bytes).map_or_else(|_| STANDARD.encode(bytes), str::to_owned)
}

struct NodeRef<'a>(&'a NodeProto);

impl Serialize for NodeRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.content {
            None => serializer.serialize_none(),
            Some(Content::Text(text)) => serializer.serialize_str(text),
            Some(Content::Integer(integer)) => serializer.serialize_i32(*integer),
            Some(Content::Float(float)) => serializer.serialize_f64(*float),
            Some(Content::Boolean(boolean)) => serializer.serialize_bool(*boolean),
            Some(Content::Blob(bytes)) => serializer.serialize_str(&bytes_as_text(bytes)),
            Some(Content::Ndarray(array)) => tensor(array.clone()).ok().serialize(serializer),
            Some(Content::Doc(document)) => fields(&document.data, serializer),
            Some(Content::DocArray(list)) => {
                serializer.collect_seq(list.docs.iter().map(|document| Fields(&document.data)))
            }
            Some(Content::List(list) | Content::Set(list) | Content::Tuple(list)) => {
                serializer.collect_seq(list.data.iter().map(NodeRef))
            }
            Some(Content::Dict(dict)) => fields(&dict.data, serializer),
        }
    }
}

struct Fields<'a>(&'a BTreeMap<String, NodeProto>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fields(self.0, serializer)
    }
}

fn fields<S: Serializer>(data: &BTreeMap<String, NodeProto>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(data.iter().map(|(name, node)| (name, NodeRef(node))))
}
