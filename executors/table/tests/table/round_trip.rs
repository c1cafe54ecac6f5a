//! Written documents are read unchanged.

use std::sync::Arc;

use flowrun_sdk::{Document, NamedScore, Tags, Value};
use flowrun_table::Writer;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::documents;

/// Values of tags. Numbers have few enough digits to be parsed exactly.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53)..1 << 53).prop_map(Value::from),
        (-(1_i32 << 30)..1 << 30).prop_map(|number| Value::from(f64::from(number) / 16.0)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,3}", inner, 0..3).prop_map(|entries| Value::from(Tags::from_iter(entries))),
        ]
    })
}

fn number() -> impl Strategy<Value = f32> {
    any::<f32>().prop_filter("finite", |number| number.is_finite())
}

fn document() -> impl Strategy<Value = Document> {
    let texts = (".{1,8}", "[a-z#]{0,4}", "[a-z/]{0,4}", ".{0,8}", option::of(".{0,8}"));
    let rest = (0_u32..3, option::of(0_u16..1000), vec(0_u16..1000, 0..4), option::of(0_u16..1000));
    let payload = (option::of(vec(any::<u8>(), 0..20)), btree_map(".{0,4}", value(), 0..4));
    (texts, rest, payload).prop_map(
        |((id, parent_id, mime_type, uri, text), (granularity, weight, location, score), (blob, tags))| {
            let mut document = Document {
                id,
                parent_id,
                mime_type,
                uri,
                text: text.map(Into::into),
                granularity,
                weight: weight.map(f32::from),
                location: location.into_iter().map(f32::from).collect(),
                blob: blob.map(Into::into),
                tags: Arc::new(tags.into_iter().collect()),
                ..Document::default()
            };
            document
                .scores
                .extend(score.map(|score| ("s".to_owned(), NamedScore::new(f32::from(score), "o"))));
            document
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn written_documents_and_vectors_are_read_unchanged(
        (given, vectors) in (1_usize..6, 0_usize..40).prop_flat_map(|(dimension, rows)| {
            (vec(document(), rows), vec(vec(number(), dimension), rows))
        })
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.parquet");
        let mut writer = Writer::create(&path).unwrap();
        for (document, vector) in given.iter().zip(&vectors) {
            writer.push(document.clone(), vector).unwrap();
        }
        writer.finish().unwrap();
        let expected: Vec<Document> =
            given.into_iter().zip(vectors).map(|(document, vector)| document.with_embedding(vector)).collect();
        let read = documents(&path).unwrap();
        prop_assert_eq!(read.len(), expected.len());
        for (read, expected) in read.into_iter().zip(expected) {
            prop_assert_eq!(read, expected);
        }
    }
}

/// More rows than a batch and than a row group have.
#[test]
fn many_rows_are_written_in_groups_and_read_in_batches() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let mut writer = Writer::create(&path).unwrap();
    // Random numbers, which compress as little as vectors.
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(0x3f80_0000 | state >> 9)
    };
    let mut expected = Vec::new();
    for row in 0..3000 {
        let vector: Vec<f32> = (0..8192).map(|_| random()).collect();
        writer.push(Document::new(row.to_string()), &vector).unwrap();
        expected.push(vector[8191]);
    }
    writer.finish().unwrap();
    let metadata =
        parquet::file::serialized_reader::SerializedFileReader::new(std::fs::File::open(&path).unwrap());
    let groups = parquet::file::reader::FileReader::num_row_groups(&metadata.unwrap());
    assert!((2..=3).contains(&groups), "{groups}");
    let mut read = Vec::new();
    flowrun_table::read(&path, None, |document| {
        read.push(document.embedding.unwrap().to_f32().unwrap()[8191]);
        Ok::<_, String>(())
    })
    .unwrap();
    assert_eq!(read, expected);
}
