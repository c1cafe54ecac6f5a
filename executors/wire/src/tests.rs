//! Tests of documents that pass through unchanged, and of conversions between the schemas.

use flowrun_sdk::protobuf;
use flowrun_sdk::{NamedScore, Tensor};

use super::*;

fn sample() -> Document {
    let mut document = Document::new("a").with_text("t").with_blob(Bytes::from_static(b"b")).with_uri("u");
    document.tensor = Some(Tensor::from_u8(vec![1, 2], vec![3, 4]).unwrap());
    document.embedding = Some(Tensor::vector(vec![0.5, -1.0]));
    document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "VectorIndexer"));
    document.docarray_mut().evaluations.insert("recall".to_owned(), NamedScore::new(10.0, ""));
    let mut chunk = document.new_chunk(0);
    chunk.docarray_mut().metadata.insert("title".to_owned(), "Text".into());
    document.chunks = [chunk].into_iter().collect();
    document.with_tag("n", 3)
}

#[test]
fn unchanged_documents_are_sent_as_the_message_they_came_in() {
    let mut list = protobuf::encode_list(&[sample()]);
    // A document with a field that the schema does not have.
    let mut unknown = protobuf::encode(&Document::new("b"));
    unknown.extend_from_slice(b"\xaa\x01\x02\x0a\x00");
    list.extend_from_slice(&[0x0a, unknown.len() as u8]);
    list.extend_from_slice(&unknown);
    let list = Bytes::from(list);
    let mut documents = decode_documents(list.clone(), Schema::V1).unwrap();
    assert_eq!((documents.len(), documents.all_have_ids(), &documents[1].id), (2, true, &"b".to_owned()));
    let same = encode_documents(&documents.clone(), Schema::V1);
    assert_eq!((same.as_ptr(), same.len()), (list.as_ptr(), list.len()));
    documents.make_mut().pop();
    assert_eq!(documents.len(), 1);
    assert_eq!(encode_documents(&documents, Schema::V1), protobuf::encode_list(&[sample()]));
    // Another schema needs a new message, which passes through unchanged in turn.
    let second = encode_documents(&decode_documents(list, Schema::V1).unwrap(), Schema::V2);
    let again = encode_documents(&decode_documents(second.clone(), Schema::V2).unwrap(), Schema::V2);
    assert_eq!(again.as_ptr(), second.as_ptr());
}

#[test]
fn changed_documents_keep_the_fields_that_only_clients_use() {
    let list = Bytes::from(protobuf::encode_list(&[sample()]));
    let mut documents = decode_documents(list, Schema::V1).unwrap();
    documents.make_mut()[0].text = Some("changed".into());
    let changed = decode_documents(encode_documents(&documents, Schema::V1), Schema::V1).unwrap();
    assert_eq!((&changed[0].docarray, &changed[0].chunks), (&sample().docarray, &sample().chunks));
    let json = serde_json::to_value(DocumentJson(&changed[0])).unwrap();
    assert_eq!(json["evaluations"], serde_json::json!({"recall": {"value": 10.0}}));
    assert_eq!(json["chunks"][0]["_metadata"], serde_json::json!({"title": "Text"}));
}
