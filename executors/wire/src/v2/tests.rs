//! Tests of documents in the second schema: round trips, JSON, malformed messages.

use std::collections::BTreeMap;

use flowrun_sdk::protobuf::{Field, FieldReader};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::*;
use crate::docarray2::{DocListProto, DocProto};

fn node(content: Content) -> NodeProto {
    NodeProto { content: Some(content), r#type: None }
}

fn typed(content: Content, name: &str) -> NodeProto {
    NodeProto { content: Some(content), r#type: Some(name.to_owned()) }
}

fn decoded(message: &DocProto) -> Document {
    let message = message.encode_to_vec().into();
    decode_document(&message, &DecodeBudget::unbounded()).unwrap()
}

fn any_node() -> impl Strategy<Value = NodeProto> {
    let leaf = prop_oneof![
        Just(NodeProto::default()),
        ".{0,6}".prop_map(|text| node(Content::Text(text))),
        any::<i32>().prop_map(|integer| node(Content::Integer(integer))),
        (-1e9..1e9_f64).prop_map(|float| node(Content::Float(float))),
        Just(node(Content::Float(f64::INFINITY))),
        any::<f32>()
            .prop_filter("NaN is unequal to itself", |float| !float.is_nan())
            .prop_map(|float| node(Content::Float(float.into()))),
        any::<bool>().prop_map(|value| node(Content::Boolean(value))),
        Just(node(Content::Blob(Bytes::from_static(b"\0\xff")))),
        Just(typed(Content::Text("https://a/b.png".to_owned()), "image_url")),
        Just(typed(Content::Ndarray(array(&Tensor::vector(vec![0.5, 2.0]))), "torch_tensor")),
        Just(typed(Content::Ndarray(array(&Tensor::vector(vec![0.5, 2.0]))), "ndarray")),
        // A shape that does not match the data, and an unknown element type.
        Just(node(Content::Ndarray(NdArrayProto {
            dense: Some(DenseNdArrayProto {
                buffer: Bytes::from_static(b"ab"),
                shape: vec![7],
                dtype: "<U5".to_owned()
            }),
            parameters: None
        }))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4).prop_map(|data| ListOfAnyProto { data });
        let map = proptest::collection::btree_map("[a-c]|id|text|__[a-z]*__", inner, 0..4);
        prop_oneof![
            list.clone().prop_map(|list| node(Content::List(list))),
            list.clone().prop_map(|list| node(Content::Set(list))),
            list.prop_map(|list| node(Content::Tuple(list))),
            map.clone().prop_map(|data| node(Content::Dict(DictOfAnyProto { data }))),
            map.clone().prop_map(|data| node(Content::Doc(DocProto { data }))),
            map.prop_map(|data| node(Content::DocArray(DocListProto { docs: vec![DocProto { data }] }))),
        ]
    })
}

proptest! {
    #[test]
    fn round_trips_preserve_every_byte(
        data in proptest::collection::btree_map(
            "id|uri|url|text|blob|tensor|embedding|tags|scores|chunks|matches|weight|price|[a-d]|__fields__",
            any_node(), 0..8)
    ) {
        let message = DocProto { data };
        prop_assert_eq!(encode_document(&decoded(&message)), message.encode_to_vec());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_documents(bytes.into(), &DecodeBudget::unbounded());
    }
}

/// Containers in one another, outermost first: the field number in `NodeProto`.
fn any_nesting() -> impl Strategy<Value = Vec<u8>> {
    let few = proptest::collection::vec(7..13_u8, 0..9);
    let many = proptest::collection::vec(7..13_u8, 20..60);
    prop_oneof![few, many, (7..13_u8, 30..60_usize).prop_map(|(kind, count)| vec![kind; count])]
}

/// A value in these containers.
fn nested(containers: &[u8], value: NodeProto) -> NodeProto {
    containers.iter().rfold(value, |inner, kind| {
        let list = || ListOfAnyProto { data: vec![inner.clone()] };
        let data = || BTreeMap::from([("k".to_owned(), inner.clone())]);
        node(match kind {
            7 => Content::Doc(DocProto { data: data() }),
            8 => Content::DocArray(DocListProto { docs: vec![DocProto { data: data() }] }),
            9 => Content::List(list()),
            10 => Content::Set(list()),
            11 => Content::Tuple(list()),
            _ => Content::Dict(DictOfAnyProto { data: data() }),
        })
    })
}

/// Messages in one another that these containers add.
fn levels(containers: &[u8]) -> u32 {
    let levels = |kind: &u8| match kind {
        7 | 12 => 3,
        8 => 4,
        _ => 2,
    };
    containers.iter().map(levels).sum()
}

proptest! {
    #[test]
    fn a_value_is_rejected_by_its_depth_or_preserved_at_any_depth(containers in any_nesting(), leaf in 0..3_u8) {
        let (leaf, more) = match leaf {
            0 => (node(Content::Text("t".to_owned())), 0),
            1 => (node(Content::Boolean(false)), 0),
            _ => (node(Content::Ndarray(array(&Tensor::vector(vec![0.5])))), 2),
        };
        let value = nested(&containers, leaf);
        prop_assert_eq!(node::check(&value.encode_to_vec()).is_ok(), levels(&containers) + more <= 99);
        // A typed field is never a tag.
        let data = BTreeMap::from([("x".to_owned(), NodeProto { r#type: Some("any".to_owned()), ..value })]);
        let message = DocProto { data }.encode_to_vec().into();
        match decode_document(&message, &DecodeBudget::unbounded()) {
            Ok(document) => prop_assert_eq!(encode_document(&document), message),
            Err(error) => prop_assert!(matches!(error, WireError::TooDeep), "{error}"),
        }
    }

    #[test]
    fn a_value_that_passes_the_check_can_be_decoded(
        containers in any_nesting(),
        node in any_node(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        depth in 0..180_usize,
        inserted in prop_oneof![
            Just(vec![]),
            // Unknown fields: a number, a group, groups in one another, and a second value of an entry.
            Just(vec![0x78, 1]),
            Just(vec![0x7b, 0x7c]),
            (1..101_usize).prop_map(|depth| [vec![0x7b; depth], vec![0x7c; depth]].concat()),
            Just(vec![0x12, 1, 0xff]),
        ],
    ) {
        let mut bytes = appended(&nested(&containers, node).encode_to_vec(), &inserted, depth);
        for (position, byte) in changes {
            if !bytes.is_empty() {
                let position = position.index(bytes.len());
                bytes[position] = byte;
            }
        }
        if node::check(&bytes).is_ok() {
            NodeProto::decode(&*bytes).unwrap();
        }
    }
}

/// Appends bytes to the last field of the last field … of a message, up to `depth` levels deep.
fn appended(message: &[u8], bytes: &[u8], depth: usize) -> Vec<u8> {
    let last = FieldReader::new(message).last();
    let Some(Ok((number, Field::Bytes(content)))) = last.filter(|_| depth > 0) else {
        return [message, bytes].concat();
    };
    let encoded = |content: &[u8]| {
        let mut field = Vec::new();
        prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut field);
        prost::encoding::encode_varint(content.len() as u64, &mut field);
        [&field[..], content].concat()
    };
    let start = message.len() - encoded(content).len();
    [&message[..start], &encoded(&appended(content, bytes, depth - 1))[..]].concat()
}

#[test]
fn a_malformed_shape_is_an_error_after_any_number_of_axes() {
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8][..], content].concat();
    let decode = |last_axis: u8| {
        // The field `x` is an array with a packed shape of 34 axes.
        let shape = [&[1_u8; 33][..], &[last_axis]].concat();
        let node = field(6, &field(1, &field(2, &shape)));
        let message = Bytes::from(field(1, &[field(1, b"x"), field(2, &node)].concat()));
        decode_document(&message, &DecodeBudget::unbounded())
    };
    assert!(decode(1).is_ok());
    // The last byte announces another one.
    assert!(decode(0x80).is_err());
}

#[test]
fn known_fields_are_set_and_other_plain_fields_become_tags() {
    let price = node(Content::Float(1.5));
    let id = typed(Content::Text("a".to_owned()), "id");
    let data = [("id", id), ("price", price), ("embedding", NodeProto::default())];
    let message = DocProto { data: data.into_iter().map(|(name, node)| (name.to_owned(), node)).collect() };
    let mut document = decoded(&message);
    assert_eq!((document.id.as_str(), document.tags["price"].as_f64()), ("a", Some(1.5)));

    document.embedding = Some(Tensor::vector(vec![1.0]));
    let reply = DocProto::decode(encode_document(&document)).unwrap().data;
    let names: Vec<&str> = reply.keys().map(String::as_str).collect();
    assert_eq!(names, ["embedding", "id", "price"]);
    assert_eq!(reply["embedding"].r#type.as_deref(), Some("ndarray"));
}

#[test]
fn fields_that_are_no_json_are_written_in_docarrays_json_form() {
    let texts = |words: &[&str]| ListOfAnyProto {
        data: words.iter().map(|word| node(Content::Text((*word).to_owned()))).collect(),
    };
    let part =
        |word: &str| DocProto { data: [("text".to_owned(), node(Content::Text(word.to_owned())))].into() };
    let picture = Tensor::from_f32(vec![2, 1], vec![0.1, 2.0]).unwrap();
    let fields = [
        ("data", node(Content::Blob(Bytes::from_static(b"\x01\x02")))),
        ("raw", node(Content::Blob(Bytes::from_static(b"\0\xff")))),
        ("part", node(Content::Doc(part("in")))),
        ("parts", node(Content::DocArray(DocListProto { docs: vec![part("1"), part("2")] }))),
        ("chunks", node(Content::DocArray(DocListProto::default()))),
        ("picture", typed(Content::Ndarray(array(&picture)), "ndarray")),
        ("link", typed(Content::Text("http://x/y.png".to_owned()), "any_url")),
        ("set", node(Content::Set(texts(&["a"])))),
        ("tuple", node(Content::Tuple(texts(&["a", "b"])))),
        ("infinite", node(Content::Float(f64::INFINITY))),
    ];
    let data = fields.into_iter().map(|(name, node)| (name.to_owned(), node)).collect();
    let document = decoded(&DocProto { data });
    let written: BTreeMap<&str, NodeJson> = RecordedFields::of(&document).unwrap().node_values().collect();
    assert_eq!(
        serde_json::to_string(&written).unwrap(),
        concat!(
            r#"{"chunks":[],"data":"\u0001\u0002","infinite":null,"link":"http://x/y.png","part":{"text":"in"},"#,
            r#""parts":[{"text":"1"},{"text":"2"}],"picture":[[0.1],[2.0]],"raw":"AP8=","set":["a"],"tuple":["a","b"]}"#
        )
    );
}

#[test]
fn tags_in_any_order_are_encoded_sorted_by_name() {
    let tags = json!({"b": {"d": [1, null, -1, 2.5], "": null, "c": {}}, "a": "t", "": 1_i64 << 40});
    let document =
        tags.as_object().unwrap().iter().fold(Document::new("x"), |document, (name, value)| {
            document.with_tag(name.as_str(), value.clone())
        });
    let mut part = document.clone();
    part.chunks = [document].into_iter().collect();
    let list = encode_with_tags_as_fields(&[part]);
    // Prost writes a decoded message in the order of names.
    assert_eq!(DocListProto::decode(list.clone()).unwrap().encode_to_vec(), list);
}

#[test]
fn a_damaged_record_is_a_field_without_a_value() {
    for node in [json!("no base64"), json!(1), json!(STANDARD.encode(b"\x0a\x05x")), json!("AA==")] {
        let document = Document::new("").with_tag("__fields__", json!({"nodes": {"a": node}}));
        let data = BTreeMap::from([("a".to_owned(), NodeProto::default())]);
        assert_eq!(encode_document(&document), DocProto { data }.encode_to_vec(), "{node}");
        let (_, written) = RecordedFields::of(&document).unwrap().node_values().next().unwrap();
        assert_eq!(serde_json::to_value(written).unwrap(), Value::Null, "{node}");
    }
}

#[test]
fn tags_of_other_documents_are_fields_for_an_executor() {
    let document = Document::new("a").with_text("t").with_tag("price", 1.5).with_tag("text", "no field");
    let encoded = |list: Bytes| DocListProto::decode(list).unwrap().docs.remove(0).data;
    let documents: Documents = [document.clone()].into_iter().collect();
    let sent = encoded(crate::encode_executor_documents(&documents, Schema::V2));
    assert_eq!(sent["price"], node(Content::Float(1.5)));
    assert_eq!(sent["text"], node(Content::Text("t".to_owned())));
    assert!(sent.contains_key("tags"), "an executor may read them as tags too");
    assert!(!encoded(crate::encode_documents(&documents, Schema::V2)).contains_key("price"));
    // A document of the second schema has exactly the fields that were received.
    let received = decode_documents(encode_documents(&documents), &DecodeBudget::unbounded()).unwrap();
    let mut changed: Documents = received.iter().cloned().collect();
    changed.make_mut()[0].text = Some("u".into());
    assert!(!encoded(crate::encode_executor_documents(&changed, Schema::V2)).contains_key("price"));
}
