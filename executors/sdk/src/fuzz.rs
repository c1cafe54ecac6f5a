//! Fuzzers of the parsers for data of clients: filters, protobuf documents, JSON documents.

use bytes::Bytes;
use flowrun_fuzz::words::DOCUMENT_KEYS;
use flowrun_fuzz::{Target, generate};
use serde_json::Value;

use crate::filter::Filter;
use crate::{DecodeBudget, Document, Documents, protobuf};

/// Operators and connectives of filters, and keys of the document that they are matched with.
const FILTER_WORDS: [&str; 20] = [
    "$and", "$or", "$not", "$eq", "$ne", "$lt", "$lte", "$gte", "$in", "$nin", "$regex", "$size", "$exists",
    "tags__a", "id", "a.0", "colours", "(a|b)*", "a{9}", "\\p{L}",
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
    // The stated bound of the compiled expressions of a filter: 16 of 512 KiB.
    Target::new("filters")
        .seeds(seeds)
        .words(FILTER_WORDS)
        .generator(|random| generate::json(random, &FILTER_WORDS, 4).to_string().into_bytes())
        .memory(8, 8 << 20)
        .run(filter);
}

/// The stated bound of decoded messages of clients: bytes for each byte, bytes in any case, and bytes for each document.
const DECODED: (usize, usize, usize) = (8, 64 << 10, 8 << 10);

/// Decodes documents within the bound, and reads all of them.
fn documents(input: &[u8]) -> String {
    let budget = DecodeBudget::new(DECODED.0 * input.len() + DECODED.1).with_documents(10_000, DECODED.2);
    match protobuf::decode_list_within(&Bytes::copy_from_slice(input), &budget) {
        Ok(documents) => count(&documents).to_string(),
        Err(error) => error.to_string(),
    }
}

/// Number of documents, parts and matches included.
fn count(documents: &Documents) -> usize {
    documents.iter().map(|document| 1 + count(&document.chunks) + count(&document.matches)).sum()
}

/// Depth up to which documents are counted.
const DEPTH_MAX: usize = 64;

/// Upper bound of the documents in a message: its fields of the numbers of lists, chunks and matches, at all levels.
fn parts(message: &[u8], depth: usize) -> usize {
    let fields = protobuf::FieldReader::new(message).map_while(Result::ok);
    let lists = fields.filter_map(|field| match field {
        (1 | 14 | 15, protobuf::Field::Bytes(content)) if depth > 0 => Some(1 + parts(content, depth - 1)),
        _ => None,
    });
    lists.sum()
}

#[test]
fn any_bytes_are_documents_or_an_error_within_the_bound() {
    let seed = protobuf::encode_list(&[document(), Document::new("b"), Document::default()]);
    Target::new("protobuf-documents")
        .seeds([seed])
        .generator(|random| generate::protobuf(random, 20, 5))
        .memory(DECODED.0, DECODED.1)
        .memory_per_part(DECODED.2, |input| parts(input, DEPTH_MAX))
        .run(documents);
}

#[test]
fn any_object_is_a_document_or_an_error() {
    // The object is built as a value first, which the messages of clients are not: they are read by a visitor, within the
    // budget that the fuzzer of HTTP bodies checks.
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
