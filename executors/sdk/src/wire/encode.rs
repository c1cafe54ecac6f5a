//! From documents to messages.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use serde_json::Value;

use super::messages::{
    DenseNdArrayProto, DocumentProto, NamedScoreProto, NdArrayProto, nd_array_proto::Content,
};
use crate::{Document, NamedScore, Tensor};

impl From<&Document> for DocumentProto {
    fn from(document: &Document) -> Self {
        let score = |(name, score): (&String, &NamedScore)| (name.clone(), NamedScoreProto::from(score));
        Self {
            id: document.id.clone(),
            blob: document.blob.clone(),
            tensor: document.tensor.as_ref().map(Into::into),
            text: document.text.as_deref().map(str::to_owned),
            granularity: document.granularity,
            adjacency: document.adjacency,
            parent_id: document.parent_id.clone(),
            weight: document.weight,
            uri: document.uri.clone(),
            modality: document.modality.clone(),
            mime_type: document.mime_type.clone(),
            offset: document.offset,
            location: document.location.clone(),
            chunks: document.chunks.iter().map(Into::into).collect(),
            matches: document.matches.iter().map(Into::into).collect(),
            embedding: document.embedding.as_ref().map(Into::into),
            tags: (!document.tags.is_empty()).then(|| to_struct(&document.tags)),
            scores: document.scores.iter().map(score).collect(),
            evaluations: BTreeMap::new(),
            metadata: None,
        }
    }
}

impl From<&NamedScore> for NamedScoreProto {
    fn from(score: &NamedScore) -> Self {
        Self {
            value: score.value,
            op_name: score.op_name.clone(),
            description: score.description.clone(),
            ref_id: score.ref_id.clone(),
        }
    }
}

impl From<&Tensor> for NdArrayProto {
    fn from(tensor: &Tensor) -> Self {
        let dense = DenseNdArrayProto {
            buffer: tensor.data().clone(),
            shape: tensor.shape().iter().map(|&side| u32::try_from(side).unwrap_or(u32::MAX)).collect(),
            dtype: tensor.data_type().to_string(),
        };
        // Clients read an array of no framework back as nothing.
        Self { content: Some(Content::Dense(dense)), cls_name: "numpy".to_owned(), parameters: None }
    }
}

/// A JSON object as a message. Numbers become doubles, as everywhere in protobuf's `Struct`.
#[must_use]
pub fn to_struct(entries: &serde_json::Map<String, Value>) -> Struct {
    Struct { fields: entries.iter().map(|(name, entry)| (name.clone(), value(entry))).collect() }
}

fn value(json: &Value) -> prost_types::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(value).collect() }),
        Value::Object(entries) => Kind::StructValue(to_struct(entries)),
    };
    prost_types::Value { kind: Some(kind) }
}
