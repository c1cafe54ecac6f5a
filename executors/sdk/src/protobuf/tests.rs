//! Tests of the document codec: round trips, and comparisons with a decoder that uses the published schema.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Number, json};

use super::scan::ListSummary;
use super::*;
use crate::{DocarrayFields, NamedScore, Tensor};

/// Descriptor of a message in the published schema.
fn descriptor(name: &str) -> MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        let files = protox::compile(["docarray.proto"], ["../../proto"]).unwrap();
        DescriptorPool::from_file_descriptor_set(files).unwrap()
    });
    POOL.get_message_by_name(name).unwrap()
}

fn sample() -> Document {
    let mut document = Document::new("a").with_text("t").with_blob(Bytes::from_static(b"b")).with_uri("u");
    document.tensor = Some(Tensor::from_u8(vec![1, 2], vec![3, 4]).unwrap());
    document.embedding = Some(Tensor::vector(vec![0.5, -1.0]));
    let tags = json!({"n": 3, "x": 0.5, "s": "é", "l": [null, true, {"k": -1}], "e": {}});
    document.tags = Arc::new(tags.as_object().unwrap().clone());
    document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "VectorIndexer"));
    document.docarray = Some(Arc::new(docarray_fields(0.5, json!({"title": {"position": 0}}))));
    document.weight = Some(0.0);
    document.offset = Some(2.0);
    document.location = vec![1.0, 2.0];
    let mut chunk = document.new_chunk(0);
    chunk.matches = [Document::new("m")].into_iter().collect();
    document.chunks = [chunk].into_iter().collect();
    document
}

fn docarray_fields(evaluation: f32, metadata: Value) -> DocarrayFields {
    let evaluations = [("recall".to_owned(), NamedScore::new(evaluation, "Evaluator"))].into_iter().collect();
    DocarrayFields { evaluations, metadata: metadata.as_object().cloned().unwrap_or_default() }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            // Numbers without a fraction decode as integers.
            (any::<i32>(), 1..8_u8)
                .prop_map(
                    |(whole, eighths)| Number::from_f64(f64::from(whole) + f64::from(eighths) / 8.0).into()
                ),
            ".{0,5}".prop_map(Value::from),
        ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((".{0,3}", inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_tensor() -> impl Strategy<Value = Tensor> {
    prop_oneof![
        vec(-9.0..9.0_f32, 0..200).prop_map(Tensor::vector),
        vec(any::<u8>(), 6).prop_map(|bytes| Tensor::from_u8(
            vec![1, 300, 2, 0, 1][..3].to_vec(),
            bytes.repeat(100)
        )
        .unwrap()),
        Just(Tensor::new(">f8".parse().unwrap(), vec![], Bytes::from_static(&[1; 8])).unwrap()),
    ]
}

fn any_document() -> impl Strategy<Value = Document> {
    let texts = (".{0,40}", "[a-z]{0,3}", ".{0,3}", option::of(".{0,200}"), "[a-z]{0,9}", "[a-z]{0,3}");
    let numbers = (
        any::<u32>(),
        0..300_u32,
        option::of(-1.0..1.0_f32),
        option::of(Just(0.0_f32)),
        vec(0.0..9.0_f32, 0..40),
    );
    let payloads = (option::of(vec(any::<u8>(), 0..200)), option::of(any_tensor()), option::of(any_tensor()));
    let maps = (vec(("[a-z]{0,3}", any_value()), 0..3), vec(("[a-z]{0,3}", -1.0..1.0_f32, ".{0,3}"), 0..3));
    let docarray = option::of((-1.0..1.0_f32, any_value()));
    let leaf = (texts, numbers, payloads, maps, docarray).prop_map(
        |(texts, numbers, payloads, (tags, scores), docarray)| Document {
            id: texts.0,
            parent_id: texts.1,
            uri: texts.2,
            text: texts.3.map(Into::into),
            mime_type: texts.4,
            modality: texts.5,
            granularity: numbers.0,
            adjacency: numbers.1,
            weight: numbers.2,
            offset: numbers.3,
            location: numbers.4,
            blob: payloads.0.map(Into::into),
            tensor: payloads.1,
            embedding: payloads.2,
            tags: Arc::new(tags.into_iter().collect()),
            scores: scores
                .into_iter()
                .map(|(name, value, op_name)| {
                    (name, NamedScore { ref_id: "r".to_owned(), ..NamedScore::new(value, op_name) })
                })
                .collect(),
            docarray: docarray.map(|(evaluation, metadata)| docarray_fields(evaluation, metadata).into()),
            ..Document::default()
        },
    );
    leaf.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), vec(inner.clone(), 0..3), vec(inner, 0..3)).prop_map(
            |(mut document, chunks, matches)| {
                document.chunks = chunks.into();
                document.matches = matches.into();
                document.set_parent_ids();
                document
            },
        )
    })
}

#[test]
fn tags_can_be_decoded_alone() {
    assert_eq!(decode_tags(&encode(&sample())).unwrap(), *sample().tags);
    assert!(decode_tags(&encode(&Document::new("a"))).unwrap().is_empty());
    assert!(decode_tags(b"\xff").is_err());
}

#[test]
fn a_document_survives_a_round_trip() {
    assert_eq!(decode(&encode(&sample())).unwrap(), sample());
    assert_eq!(decode(&[]).unwrap(), Document::default());
}

#[test]
fn fields_without_entries_are_unset() {
    assert_eq!(decode(b"\xa2\x01\x00").unwrap(), Document::default());
    let named = decode(b"\x9a\x01\x00").unwrap().docarray.unwrap();
    assert_eq!(named.evaluations[""], NamedScore::default());
    assert!(
        decode(b"\x9a\x01\x01\xff").is_err()
            && decode_list(&Bytes::from_static(b"\x0a\x04\xa2\x01\x01\xff")).is_err()
    );
}

#[test]
fn payloads_share_the_memory_of_the_message() {
    let message = Bytes::from(encode_list(&[Document::new("a").with_embedding(vec![1.0; 100])]));
    let documents = decode_list(&message).unwrap();
    let data = documents[0].embedding.as_ref().unwrap().data().as_ptr();
    assert!(message.as_ptr_range().contains(&data));
}

#[test]
fn equal_tags_have_equal_encodings_in_any_order() {
    let (one, other) = (json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"d": 3, "c": 2}, "a": 1}));
    assert_eq!(encode_object(one.as_object().unwrap()), encode_object(other.as_object().unwrap()));
}

#[test]
fn chunks_without_a_parent_id_get_the_id_of_their_parent() {
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
fn invalid_messages_are_rejected_with_the_reason() {
    let (bytes, deep) = (
        encode(&sample()),
        (0..200).fold(Vec::new(), |inner, _| {
            let mut outer = Vec::new();
            sink::FieldSink::bytes(&mut outer, 14, &inner);
            outer
        }),
    );
    assert!(matches!(decode(&bytes[..bytes.len() - 1]), Err(WireError::Truncated)));
    assert!(matches!(decode(b"\x0a\x01\xff"), Err(WireError::NotUtf8)));
    assert!(matches!(decode(b"\x08\x01"), Err(WireError::WrongType)));
    assert!(matches!(decode(b"\x0c"), Err(WireError::Message(_))));
    assert!(matches!(decode(&deep), Err(WireError::TooDeep)));
    // An array of seven floats without bytes.
    assert!(matches!(decode(b"\x1a\x09\x0a\x07\x12\x01\x07\x1a\x02<f"), Err(WireError::Tensor(_))));
}

#[test]
fn groups_and_unknown_fields_are_skipped() {
    // Field 100 as a group with a number in it, then the id.
    assert_eq!(decode(b"\xa3\x06\x08\x01\xa4\x06\x0a\x01a\xf8\x06\x01").unwrap(), Document::new("a"));
}

/// Asserts that the summary of a list agrees with its decoded documents.
fn assert_summary_matches(list: &[u8]) -> Result<(), TestCaseError> {
    let list = Bytes::copy_from_slice(list);
    let summary = Decoder::new(None).scan_list(&list);
    match Decoder::new(Some(&list)).list(&list) {
        Err(_) => prop_assert!(summary.is_err()),
        Ok(decoded) => {
            let ListSummary { count, all_have_ids, memory_bytes, .. } = summary.unwrap();
            prop_assert_eq!(count, decoded.len());
            prop_assert_eq!(all_have_ids, decoded.iter().all(|document| !document.id.is_empty()));
            prop_assert!(memory_bytes >= decoded.iter().map(Document::memory_bytes).sum());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn summaries_are_accurate_and_one_pass_encodings_are_valid(
        documents in vec(any_document(), 0..3), position in 0..2_000_usize, byte: u8,
    ) {
        let mut list = encode_list(&documents);
        assert_summary_matches(&list)?;
        let documents = Documents::from(documents);
        let once = encode_shared(&documents);
        prop_assert_eq!(&decode_list(&once).unwrap(), &documents);
        let message = DynamicMessage::decode(descriptor("docarray.DocumentArrayProto"), &*once).unwrap();
        prop_assert_eq!(&decode_list(&message.encode_to_vec().into()).unwrap(), &documents);
        let unchecked = unchecked_list(once, documents.len(), documents.all_have_ids(), documents.memory_bytes());
        prop_assert_eq!(unchecked, documents);
        if !list.is_empty() {
            let position = position % list.len();
            list[position] = byte;
            assert_summary_matches(&list)?;
            assert_summary_matches(&list[..position])?;
        }
    }

    #[test]
    fn any_document_survives_a_round_trip(document in any_document()) {
        let bytes = Bytes::from(encode(&document));
        prop_assert_eq!(bytes.len(), document.encoded_length());
        prop_assert_eq!(&decode_shared(&bytes).unwrap(), &document);
        let list = Bytes::from(encode_list(&[document.clone(), Document::default()]));
        prop_assert_eq!(&*decode_list(&list).unwrap(), &[document, Document::default()]);
    }

    #[test]
    fn encodings_agree_with_the_published_schema(document in any_document()) {
        let bytes = encode(&document);
        let message = DynamicMessage::decode(descriptor("docarray.DocumentProto"), &*bytes).unwrap();
        prop_assert_eq!(message.unknown_fields().count(), 0);
        let id = message.get_field_by_name("id").unwrap();
        prop_assert_eq!(id.as_str().unwrap(), &document.id);
        prop_assert_eq!(&decode(&message.encode_to_vec()).unwrap(), &document);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode_list(&bytes.into());
    }

    #[test]
    fn damaged_messages_are_rejected_or_decoded_like_the_published_schema(position in 0..400_usize, byte: u8) {
        let mut bytes = encode(&sample());
        let position = position % bytes.len();
        bytes[position] = byte;
        if let (Ok(message), Ok(document)) =
            (DynamicMessage::decode(descriptor("docarray.DocumentProto"), &*bytes), decode(&bytes))
        {
            prop_assert_eq!(decode(&message.encode_to_vec()).unwrap(), document);
        }
    }
}
