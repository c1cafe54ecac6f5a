//! Messages and documents, there and back, and beside a reader that knows the schema.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Number, json};

use super::*;
use crate::{NamedScore, Tensor};

/// The message of that name in the schema as it is published.
fn message_of(name: &str) -> MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        let files = protox::compile(["docarray.proto"], ["../../proto"]).unwrap();
        DescriptorPool::from_file_descriptor_set(files).unwrap()
    });
    POOL.get_message_by_name(name).unwrap()
}

fn full() -> Document {
    let mut document = Document::new("a").with_text("t").with_blob(Bytes::from_static(b"b")).with_uri("u");
    document.tensor = Some(Tensor::from_u8(vec![1, 2], vec![3, 4]).unwrap());
    document.embedding = Some(Tensor::vector(vec![0.5, -1.0]));
    let tags = json!({"n": 3, "x": 0.5, "s": "é", "l": [null, true, {"k": -1}], "e": {}});
    document.tags = Arc::new(tags.as_object().unwrap().clone());
    document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "VectorIndexer"));
    document.weight = Some(0.0);
    document.offset = Some(2.0);
    document.location = vec![1.0, 2.0];
    let mut chunk = document.new_chunk(0);
    chunk.matches = [Document::new("m")].into_iter().collect();
    document.chunks = [chunk].into_iter().collect();
    document
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            // What has no fraction reads back as an integer.
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
    let leaf =
        (texts, numbers, payloads, maps).prop_map(|(texts, numbers, payloads, (tags, scores))| Document {
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
            ..Document::default()
        });
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
fn tags_alone_are_the_tags_of_the_document() {
    assert_eq!(decode_tags(&encode(&full())).unwrap(), *full().tags);
    assert!(decode_tags(&encode(&Document::new("a"))).unwrap().is_empty());
    assert!(decode_tags(b"\xff").is_err());
}

#[test]
fn a_document_comes_back_as_it_went() {
    assert_eq!(decode(&encode(&full())).unwrap(), full());
    assert_eq!(decode(&[]).unwrap(), Document::default());
}

#[test]
fn a_payload_is_shared_with_its_message() {
    let message = Bytes::from(encode_list(&[Document::new("a").with_embedding(vec![1.0; 100])]));
    let documents = decode_list(&message).unwrap();
    let data = documents[0].embedding.as_ref().unwrap().data().as_ptr();
    assert!(message.as_ptr_range().contains(&data));
}

#[test]
fn equal_tags_are_equal_bytes_whatever_their_order() {
    let (one, other) = (json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"b": {"d": 3, "c": 2}, "a": 1}));
    assert_eq!(encode_object(one.as_object().unwrap()), encode_object(other.as_object().unwrap()));
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
fn what_is_no_document_is_refused_with_the_reason() {
    let (bytes, deep) = (
        encode(&full()),
        (0..200).fold(Vec::new(), |inner, _| {
            let mut outer = Vec::new();
            sink::Sink::set_bytes(&mut outer, 14, &inner);
            outer
        }),
    );
    assert!(matches!(decode(&bytes[..bytes.len() - 1]), Err(WireError::CutOff)));
    assert!(matches!(decode(b"\x0a\x01\xff"), Err(WireError::NotText)));
    assert!(matches!(decode(b"\x08\x01"), Err(WireError::WrongType)));
    assert!(matches!(decode(b"\x0c"), Err(WireError::Message(_))));
    assert!(matches!(decode(&deep), Err(WireError::TooDeep)));
    // An array of seven floats without bytes.
    assert!(matches!(decode(b"\x1a\x09\x0a\x07\x12\x01\x07\x1a\x02<f"), Err(WireError::Tensor(_))));
}

#[test]
fn groups_and_unknown_fields_are_passed_over() {
    // Field 100 as a group with a number in it, then the id.
    assert_eq!(decode(b"\xa3\x06\x08\x01\xa4\x06\x0a\x01a\xf8\x06\x01").unwrap(), Document::new("a"));
}

#[cfg(feature = "service")]
#[test]
fn documents_that_nobody_writes_to_go_on_as_they_came() {
    // With an evaluation in it, which a document of ours does not have.
    let mut message = encode_list(&[full()]);
    let mut stranger = encode(&Document::new("b"));
    stranger.extend_from_slice(b"\x9a\x01\x02\x0a\x00");
    sink::Sink::set_bytes(&mut message, 1, &stranger);
    let message = Bytes::from(message);
    let mut documents = decode_documents(message.clone(), Schema::V1).unwrap();
    assert_eq!((documents.len(), documents.all_have_ids(), &documents[1].id), (2, true, &"b".to_owned()));
    let same = encode_documents(&documents.clone(), Schema::V1);
    assert_eq!((same.as_ptr(), same.len()), (message.as_ptr(), message.len()));
    documents.make_mut().pop();
    assert_eq!(documents.len(), 1);
    assert_eq!(encode_documents(&documents, Schema::V1), encode_list(&[full()]));
    // In another schema they are written anew, and what came in that one goes on as it came too.
    let second = encode_documents(&decode_documents(message, Schema::V1).unwrap(), Schema::V2);
    let again = encode_documents(&decode_documents(second.clone(), Schema::V2).unwrap(), Schema::V2);
    assert_eq!(again.as_ptr(), second.as_ptr());
}

/// Whether what is seen of a list without reading it is what is read.
fn is_seen_as_read(list: &[u8]) -> Result<(), TestCaseError> {
    let list = Bytes::copy_from_slice(list);
    let seen = Reading::of(None).check_list(&list);
    match Reading::of(Some(&list)).list(&list) {
        Err(_) => prop_assert!(seen.is_err()),
        Ok(read) => {
            let check::Seen { count, named, bytes } = seen.unwrap();
            prop_assert_eq!(count, read.len());
            prop_assert_eq!(named, read.iter().all(|document| !document.id.is_empty()));
            prop_assert!(bytes >= read.iter().map(Document::memory_bytes).sum());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_passed_on_unread_is_documents_and_what_they_hold_is_known(
        documents in vec(any_document(), 0..3), position in 0..2_000_usize, byte: u8,
    ) {
        let mut list = encode_list(&documents);
        is_seen_as_read(&list)?;
        // What is written in one pass is read alike, and told without being read.
        let documents = Documents::from(documents);
        let once = encode_shared(&documents);
        prop_assert_eq!(&decode_list(&once).unwrap(), &documents);
        let message = DynamicMessage::decode(message_of("docarray.DocumentArrayProto"), &*once).unwrap();
        prop_assert_eq!(&decode_list(&message.encode_to_vec().into()).unwrap(), &documents);
        let trusted = trusted_list(once, documents.len(), documents.all_have_ids(), documents.memory_bytes());
        prop_assert_eq!(trusted, documents);
        if !list.is_empty() {
            let position = position % list.len();
            list[position] = byte;
            is_seen_as_read(&list)?;
            is_seen_as_read(&list[..position])?;
        }
    }

    #[test]
    fn any_document_comes_back_as_it_went(document in any_document()) {
        let bytes = Bytes::from(encode(&document));
        prop_assert_eq!(bytes.len(), Part::length(&document));
        prop_assert_eq!(&decode_shared(&bytes).unwrap(), &document);
        let list = Bytes::from(encode_list(&[document.clone(), Document::default()]));
        prop_assert_eq!(&*decode_list(&list).unwrap(), &[document, Document::default()]);
    }

    #[test]
    fn who_knows_the_schema_reads_and_writes_the_same(document in any_document()) {
        let bytes = encode(&document);
        let message = DynamicMessage::decode(message_of("docarray.DocumentProto"), &*bytes).unwrap();
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
    fn a_damaged_message_is_refused_or_read_as_the_schema_says(position in 0..400_usize, byte: u8) {
        let mut bytes = encode(&full());
        let position = position % bytes.len();
        bytes[position] = byte;
        if let (Ok(message), Ok(document)) =
            (DynamicMessage::decode(message_of("docarray.DocumentProto"), &*bytes), decode(&bytes))
        {
            prop_assert_eq!(decode(&message.encode_to_vec()).unwrap(), document);
        }
    }
}
