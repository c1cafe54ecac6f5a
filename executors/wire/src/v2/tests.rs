//! Tests of documents in the second schema: round trips, JSON, malformed messages.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

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

fn round_trip(data: BTreeMap<String, NodeProto>) -> BTreeMap<String, NodeProto> {
    DocProto::decode(encode_document(&decoded(&DocProto { data }))).unwrap().data
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
    fn round_trips_preserve_fields_and_types(
        data in proptest::collection::btree_map(
            "id|uri|url|text|blob|tensor|embedding|tags|scores|chunks|matches|weight|price|[a-d]|__fields__",
            any_node(), 0..8)
    ) {
        prop_assert_eq!(round_trip(data.clone()), data);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_documents(bytes.into(), &DecodeBudget::unbounded());
    }
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
    let values = ExtraFields::from_document(&document).unwrap();
    let written: BTreeMap<&str, NodeJson> = values.node_values().collect();
    assert_eq!(
        serde_json::to_string(&written).unwrap(),
        concat!(
            r#"{"chunks":[],"data":"\u0001\u0002","infinite":null,"link":"http://x/y.png","part":{"text":"in"},"#,
            r#""parts":[{"text":"1"},{"text":"2"}],"picture":[[0.1],[2.0]],"raw":"AP8=","set":["a"],"tuple":["a","b"]}"#
        )
    );
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
