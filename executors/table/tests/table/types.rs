//! Conversion of cells of every type.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::*;
use arrow_schema::{DataType, Field};
use serde_json::{Value, json};

use crate::{documents, documents_with, write};

fn vectors(rows: i32) -> ArrayRef {
    let rows = (0..rows).map(|row| Some(vec![Some(row as f32), Some(1.0)]));
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
}

/// Tags from a column, equal in every file format.
fn tags(array: ArrayRef) -> Vec<Option<Value>> {
    let directory = tempfile::tempdir().unwrap();
    let columns = [("v", vectors(i32::try_from(array.len()).unwrap())), ("x", array)];
    let read = |name: &str| -> Vec<Option<Value>> {
        let path = directory.path().join(name);
        write(&path, &columns);
        documents(&path).unwrap().into_iter().map(|document| document.tags.get("x").cloned()).collect()
    };
    let read = ["a.parquet", "a.arrow", "a.arrows"].map(read);
    assert_eq!((&read[0], &read[1]), (&read[1], &read[2]));
    read[0].clone()
}

/// Tag from the only cell of a column.
fn tag(array: impl Array + 'static) -> Value {
    tags(Arc::new(array)).remove(0).unwrap()
}

#[test]
fn numbers_stay_numbers_and_null_gives_no_tag() {
    assert_eq!(tags(Arc::new(BooleanArray::from(vec![Some(true), None]))), [Some(json!(true)), None]);
    assert_eq!(tag(Int8Array::from(vec![-3])), json!(-3));
    assert_eq!(tag(UInt16Array::from(vec![3])), json!(3));
    assert_eq!(tag(Float32Array::from(vec![0.5])), json!(0.5));
    assert_eq!(tag(Float16Array::from(vec![half::f16::from_f32(0.5)])), json!(0.5));
    let floats = Float64Array::from(vec![0.1, f64::NAN, f64::INFINITY]);
    assert_eq!(tags(Arc::new(floats)), [Some(json!(0.1)), None, None]);
    let price = Decimal128Array::from(vec![12345]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(tag(price), json!(123.45));
}

#[test]
fn integers_beyond_doubles_become_text() {
    let integers = Int64Array::from(vec![1 << 53, (1 << 53) + 1, i64::MIN]);
    let expected = [json!(1_i64 << 53), json!("9007199254740993"), json!("-9223372036854775808")];
    assert_eq!(tags(Arc::new(integers)), expected.map(Some));
    assert_eq!(tag(UInt64Array::from(vec![u64::MAX])), json!("18446744073709551615"));
}

#[test]
fn strings_become_text_and_bytes_base64() {
    assert_eq!(tag(StringArray::from(vec!["a"])), json!("a"));
    assert_eq!(tag(LargeStringArray::from(vec!["b"])), json!("b"));
    assert_eq!(
        tag(StringViewArray::from(vec!["a text that is longer than a view holds"])),
        json!("a text that is longer than a view holds")
    );
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    dictionary.append_value("c");
    dictionary.append_null();
    dictionary.append_value("c");
    assert_eq!(tags(Arc::new(dictionary.finish())), [Some(json!("c")), None, Some(json!("c"))]);
    assert_eq!(tag(BinaryArray::from(vec![&b"\xff"[..]])), json!("/w=="));
}

#[test]
fn times_become_iso_8601() {
    let second = 1_700_000_000;
    assert_eq!(tag(TimestampSecondArray::from(vec![second])), json!("2023-11-14T22:13:20"));
    let zoned = TimestampMillisecondArray::from(vec![second * 1000 + 5]).with_timezone("Europe/Berlin");
    assert_eq!(tag(zoned), json!("2023-11-14T22:13:20.005Z"));
    assert_eq!(tag(TimestampNanosecondArray::from(vec![1])), json!("1970-01-01T00:00:00.000000001"));
    assert_eq!(tag(TimestampMicrosecondArray::from(vec![-1])), json!("1969-12-31T23:59:59.999999"));
    assert_eq!(tag(Date32Array::from(vec![19_675])), json!("2023-11-14"));
    assert_eq!(tag(Date64Array::from(vec![86_400_000])), json!("1970-01-02"));
    assert_eq!(tag(Time32SecondArray::from(vec![61])), json!("00:01:01"));
    assert_eq!(tag(Time64MicrosecondArray::from(vec![1])), json!("00:00:00.000001"));
    assert_eq!(tag(DurationMillisecondArray::from(vec![1500])), json!("PT1.5S"));
}

#[test]
fn lists_structs_and_maps_become_json() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]);
    assert_eq!(tag(list), json!([1, null]));
    let structure = StructArray::from(vec![
        (
            Arc::new(Field::new("a", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("x")])) as ArrayRef,
        ),
        (Arc::new(Field::new("b", DataType::Utf8, true)), Arc::new(StringArray::from(vec![None::<&str>]))),
    ]);
    assert_eq!(tag(structure), json!({"a": "x"}));
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("k");
    map.values().append_value(7);
    map.append(true).unwrap();
    assert_eq!(tag(map.finish()), json!({"k": 7}));
}

#[test]
fn vector_columns_are_found_or_named_for_every_list_type() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let doubles = || [Some(vec![Some(0.5), Some(1.5)])];
    let single = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(9.0)])]));
    let wide: ArrayRef = Arc::new(LargeListArray::from_iter_primitive::<Float64Type, _, _>(doubles()));
    let fixed: ArrayRef =
        Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(doubles(), 2));
    let halves = [Some(vec![Some(half::f16::from_f32(0.5)), Some(half::f16::from_f32(1.5))])];
    let halves: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float16Type, _, _>(halves));
    for (name, array) in [("embedding", wide), ("vector", fixed), ("embedding", halves)] {
        write(&path, &[("other", single.clone()), (name, array)]);
        let read = documents(&path).unwrap().remove(0);
        assert_eq!(*read.embedding.unwrap().to_f32().unwrap(), [0.5, 1.5]);
        assert_eq!(*read.tags, *json!({"other": [9.0]}).as_object().unwrap());
        let read = documents_with(&path, Some("other")).unwrap().remove(0);
        assert_eq!(*read.embedding.unwrap().to_f32().unwrap(), [9.0]);
        assert_eq!(read.tags[name], json!([0.5, 1.5]));
    }
    // Integers are vectors only in a column of that name.
    macro_rules! integers {
        ($($kind:ty),*) => {
            [$({
                let rows = [Some(vec![Some(3), Some(100)])];
                Arc::new(ListArray::from_iter_primitive::<$kind, _, _>(rows)) as ArrayRef
            }),*]
        };
    }
    for array in
        integers!(Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type)
    {
        write(&path, &[("embedding", array.clone()), ("tokens", array.clone())]);
        let read = documents(&path).unwrap().remove(0);
        assert_eq!(*read.embedding.unwrap().to_f32().unwrap(), [3.0, 100.0]);
        assert_eq!(*read.tags, *json!({"tokens": [3, 100]}).as_object().unwrap());
        write(&path, &[("tokens", array), ("v", single.clone())]);
        assert_eq!(documents(&path).unwrap()[0].embedding.as_ref().unwrap().len(), 1);
        assert_eq!(documents_with(&path, Some("tokens")).unwrap()[0].embedding.as_ref().unwrap().len(), 2);
    }
    // A column named `embedding` of another type is a tag.
    write(&path, &[("embedding", Arc::new(StringArray::from(vec!["x"]))), ("v", single)]);
    let read = documents(&path).unwrap().remove(0);
    assert_eq!((read.tags["embedding"].clone(), read.embedding.unwrap().len()), (json!("x"), 1));
}

#[test]
fn columns_named_like_fields_set_the_fields() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.arrow");
    let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    let tags = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Utf8, true)),
        Arc::new(StringArray::from(vec!["x"])) as ArrayRef,
    )]);
    write(
        &path,
        &[
            ("id", Arc::new(Int64Array::from(vec![i64::MAX]))),
            ("parent_id", text("p")),
            ("mime_type", text("m")),
            ("uri", text("u")),
            ("text", text("t")),
            ("blob", Arc::new(BinaryArray::from(vec![&b"b"[..]]))),
            ("tags", Arc::new(tags)),
            ("vector", vectors(1)),
        ],
    );
    let read = documents(&path).unwrap().remove(0);
    assert_eq!((read.id.as_str(), read.parent_id.as_str()), ("9223372036854775807", "p"));
    assert_eq!((read.mime_type.as_str(), read.uri.as_str(), read.text.as_deref()), ("m", "u", Some("t")));
    assert_eq!((read.blob.as_deref(), &read.tags["a"]), (Some(&b"b"[..]), &json!("x")));

    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.values().append_value("x");
    lists.append(true);
    let lists: ArrayRef = Arc::new(lists.finish());
    write(&path, &[("vector", vectors(1)), ("words", lists.clone()), ("tags", lists)]);
    let read = documents(&path).unwrap().remove(0);
    assert_eq!(read.id, "");
    // A list cannot be all tags.
    assert_eq!(*read.tags, *json!({"words": ["x"], "tags": ["x"]}).as_object().unwrap());
}
