//! From messages to documents.

use std::sync::Arc;

use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use super::WireError;
use super::messages::{DocumentProto, NamedScoreProto, NdArrayProto, nd_array_proto::Content};
use crate::{Document, Documents, NamedScore, Tensor, TensorError};

impl TryFrom<DocumentProto> for Document {
    type Error = WireError;

    fn try_from(message: DocumentProto) -> Result<Self, WireError> {
        let score = |(name, score): (String, NamedScoreProto)| (name, NamedScore::from(score));
        let mut document = Self {
            id: message.id,
            parent_id: message.parent_id,
            granularity: message.granularity,
            adjacency: message.adjacency,
            weight: message.weight,
            mime_type: message.mime_type,
            uri: message.uri,
            text: message.text.map(Into::into),
            blob: message.blob,
            tensor: tensor(message.tensor)?,
            embedding: tensor(message.embedding)?,
            tags: Arc::new(message.tags.map(from_struct).unwrap_or_default()),
            scores: message.scores.into_iter().map(score).collect(),
            location: message.location,
            offset: message.offset,
            modality: message.modality,
            chunks: documents(message.chunks)?,
            matches: documents(message.matches)?,
        };
        document.adopt_chunks();
        Ok(document)
    }
}

fn documents(messages: Vec<DocumentProto>) -> Result<Documents, WireError> {
    messages.into_iter().map(Document::try_from).collect()
}

impl From<NamedScoreProto> for NamedScore {
    fn from(message: NamedScoreProto) -> Self {
        Self {
            value: message.value,
            op_name: message.op_name,
            description: message.description,
            ref_id: message.ref_id,
        }
    }
}

fn tensor(message: Option<NdArrayProto>) -> Result<Option<Tensor>, TensorError> {
    let Some(Content::Dense(dense)) = message.and_then(|message| message.content) else { return Ok(None) };
    let shape = dense.shape.into_iter().map(|side| side as usize).collect();
    Tensor::new(dense.dtype.parse()?, shape, dense.buffer).map(Some)
}

/// The JSON object that a message stands for.
#[must_use]
pub fn from_struct(message: prost_types::Struct) -> Map<String, Value> {
    message.fields.into_iter().map(|(name, entry)| (name, value(entry))).collect()
}

fn value(message: prost_types::Value) -> Value {
    match message.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(truth)) => Value::Bool(truth),
        Some(Kind::NumberValue(number)) => whole(number).or_else(|| Number::from_f64(number)).into(),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value).collect(),
        Some(Kind::StructValue(entries)) => Value::Object(from_struct(entries)),
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{decode, encode};
    use super::*;

    fn full() -> Document {
        let mut document =
            Document::new("a").with_text("t").with_blob(Bytes::from_static(b"b")).with_uri("u");
        document.tensor = Some(Tensor::from_u8(vec![1, 2], vec![3, 4]).unwrap());
        document.embedding = Some(Tensor::vector(vec![0.5, -1.0]));
        let tags = json!({"n": 3, "x": 0.5, "s": "é", "l": [null, true, {"k": -1}], "e": {}});
        document.tags = Arc::new(tags.as_object().unwrap().clone());
        document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "VectorIndexer"));
        document.weight = Some(0.0);
        document.offset = Some(2.0);
        document.location = vec![1.0, 2.0];
        let mut chunk = document.chunk(0);
        chunk.matches = [Document::new("m")].into_iter().collect();
        document.chunks = [chunk].into_iter().collect();
        document
    }

    #[test]
    fn tags_alone_are_the_tags_of_the_document() {
        assert_eq!(super::super::decode_tags(&encode(&full())).unwrap(), *full().tags);
        assert!(super::super::decode_tags(&encode(&Document::new("a"))).unwrap().is_empty());
        assert!(super::super::decode_tags(b"\xff").is_err());
    }

    #[test]
    fn a_document_comes_back_as_it_went() {
        assert_eq!(decode(&encode(&full())).unwrap(), full());
        assert_eq!(decode(&[]).unwrap(), Document::default());
    }

    #[test]
    fn chunks_that_name_no_parent_get_the_one_they_are_in() {
        let chunk = |id: &str, parent_id: &str, chunks: Vec<Document>| Document {
            parent_id: parent_id.to_owned(),
            chunks: chunks.into(),
            ..Document::new(id)
        };
        let tree = |b: &str, c: &str| {
            let chunks = vec![chunk("b", b, vec![chunk("c", c, vec![])]), chunk("d", "e", vec![])];
            Document { matches: vec![Document::new("f")].into(), ..chunk("a", "", chunks) }
        };
        let decoded = decode(&encode(&tree("", ""))).unwrap();
        assert_eq!(decoded, tree("a", "b"));
        assert_eq!(decode(&encode(&decoded)).unwrap(), decoded);
    }

    #[test]
    fn a_shape_that_lies_is_refused() {
        let mut message = DocumentProto::from(&full());
        let Some(Content::Dense(dense)) = message.tensor.as_mut().and_then(|tensor| tensor.content.as_mut())
        else {
            panic!("the document has a dense tensor")
        };
        dense.shape = vec![7];
        assert!(matches!(Document::try_from(message), Err(WireError::Tensor(_))));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_damaged_message_never_panics(position in 0..200_usize, byte: u8) {
            let mut bytes = encode(&full());
            let position = position % bytes.len();
            bytes[position] = byte;
            let _ = decode(&bytes);
        }
    }
}
