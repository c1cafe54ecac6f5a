//! Fuzzers of the parsers for data of clients: filters, protobuf documents, JSON documents.

use bytes::Bytes;
use flowrun_fuzz::{Target, generate};
use serde_json::Value;

use crate::filter::Filter;
use crate::{Document, Documents, protobuf};

/// Operators and connectives of filters, and keys of the document that they are matched with.
const FILTER_WORDS: [&str; 20] = [
    "$and", "$or", "$not", "$eq", "$ne", "$lt", "$lte", "$gte", "$in", "$nin", "$regex", "$size", "$exists",
    "tags__a", "id", "a.0", "colours", "(a|b)*", "a{9}", "\\p{L}",
];

/// Keys of documents as JSON.
const DOCUMENT_KEYS: [&str; 14] = [
    "id",
    "text",
    "blob",
    "tensor",
    "embedding",
    "tags",
    "scores",
    "chunks",
    "matches",
    "location",
    "weight",
    "mimeType",
    "uri",
    "a",
];

/// A document with a value in most fields.
fn document() -> Document {
    let mut document = Document::new("a").with_text("some words").with_blob(&b"\0\xff"[..]).with_uri("a.gif");
    document = document.with_tag("a", serde_json::json!([1, "x", null])).with_tag("colours", "red");
    document = document.with_embedding(vec![0.5, -1.0]);
    document.chunks = [document.new_chunk(0)].into_iter().collect();
    document.matches = [Document::new("m").with_tag("n", 1)].into_iter().collect();
    document
}

/// Parses a filter, as JSON or as an expression, and matches it.
fn filter(input: &[u8]) -> String {
    let value = serde_json::from_slice(input)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(input).into_owned()));
    match Filter::parse(&value, &|_, _| Ok(())) {
        Ok(filter) => format!("{} {}", filter.field_names().len(), filter.matches(&document())),
        Err(error) => error.to_string(),
    }
}

#[test]
fn any_filter_is_parsed_or_refused_within_its_budget() {
    let seeds = [
        r#"{"price": {"$gte": 5, "$lt": 10}, "colours": {"$in": ["red", "blue"]}}"#,
        r#"{"$or": [{"tags__a": 7}, {"$not": {"id": true}}]}"#,
        r#"{"id": {"$regex": "^a.*[0-9]{2}$"}}"#,
        r#"scene == "night" and (t >= 300 or not u =~ "^\d{4}$")"#,
    ];
    // A pattern of a few bytes may compile to the limit of the size of a regular expression, in several programs.
    Target::new("filters")
        .seeds(seeds)
        .words(FILTER_WORDS)
        .generator(|random| generate::json(random, &FILTER_WORDS, 4).to_string().into_bytes())
        .memory(64, 8 << 20)
        .run(filter);
}

/// Decodes documents and reads all of them.
fn documents(input: &[u8]) -> String {
    match protobuf::decode_list(&Bytes::copy_from_slice(input)) {
        Ok(documents) => count(&documents).to_string(),
        Err(error) => error.to_string(),
    }
}

/// Number of documents, parts and matches included.
fn count(documents: &Documents) -> usize {
    documents.iter().map(|document| 1 + count(&document.chunks) + count(&document.matches)).sum()
}

#[test]
fn any_bytes_are_documents_or_an_error() {
    let seed = protobuf::encode_list(&[document(), Document::new("b"), Document::default()]);
    // An empty document is two bytes; decoded, it is one of the largest structures.
    Target::new("protobuf-documents")
        .seeds([seed])
        .generator(|random| generate::protobuf(random, 20, 5))
        .memory(2 * size_of::<Document>(), 64 << 10)
        .run(documents);
}

#[test]
fn any_object_is_a_document_or_an_error() {
    Target::new("json-documents")
        .seeds([serde_json::to_string(&document()).unwrap_or_default()])
        .words(DOCUMENT_KEYS)
        .generator(|random| generate::json(random, &DOCUMENT_KEYS, 5).to_string().into_bytes())
        .memory(2 * size_of::<Document>(), 64 << 10)
        .run(|input| match serde_json::from_slice::<Value>(input).map(|value| Document::from_json(&value)) {
            Ok(Ok(document)) => (document.chunks.len() + document.matches.len()).to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "not JSON".to_owned(),
        });
}
