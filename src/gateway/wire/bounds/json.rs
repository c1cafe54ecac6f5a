//! Generates requests as JSON.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Message;

/// The header of a client of the second schema.
pub(super) const CLIENT_HEADER: &str = r#""header":{"request_id":"r","exec_endpoint":"/x"},"#;

/// Text of a value, and an upper bound of the number of documents in it.
type Part = (String, usize);

/// A list that repeats one item: mostly short, sometimes of 100 kB.
fn list(item: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    let count = prop_oneof![3 => 0..3_usize, 1 => 0..200_usize, 1 => Just(usize::MAX)];
    (item, count).prop_map(|((item, documents), count)| {
        let count = count.min(1 + 100_000 / (item.len() + 1));
        (format!("[{}]", vec![item; count].join(",")), documents * count)
    })
}

/// An object that repeats one value under short names.
fn object(value: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    (value, prop_oneof![4 => 0..4_usize, 1 => 0..5_000_usize]).prop_map(|((value, documents), count)| {
        let count = count.min(1 + 100_000 / (value.len() + 6));
        let entries: Vec<String> = (0..count).map(|number| format!("\"{number:x}\":{value}")).collect();
        (format!("{{{}}}", entries.join(",")), documents * count)
    })
}

fn value() -> BoxedStrategy<Part> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("-1.5".to_owned()),
        Just("4294967296".to_owned()),
        Just("true".to_owned()),
        "\"[a-z]{0,3}\"",
        "\"[a-z]{100}\"",
    ];
    let leaf = leaf.prop_map(|text| (text, 0));
    leaf.boxed()
        .prop_recursive(3, 16, 2, |inner| prop_oneof![list(inner.clone()), object(inner)].boxed())
        .boxed()
}

fn document() -> BoxedStrategy<Part> {
    let names = "id|parent_id|text|uri|weight|granularity|tags|scores|evaluations|_metadata|location|tensor|embedding|blob|price|[a-d]";
    let numbers = list(list(Just(("1".to_owned(), 0)))).boxed();
    let strategy = |documents: BoxedStrategy<Part>| {
        let entry = prop_oneof![
            4 => (names, value()).prop_map(|(name, (value, _))| (format!("\"{name}\":{value}"), 0)),
            1 => Just(("\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"".to_owned(), 0)),
            2 => ("tensor|embedding", numbers.clone())
                .prop_map(|(name, (value, _))| (format!("\"{name}\":{value}"), 0)),
            1 => object(value()).prop_map(|(object, _)| (format!("\"tags\":{object}"), 0)),
            1 => (prop_oneof![Just("chunks"), Just("matches")], list(documents))
                .prop_map(|(name, (value, documents))| (format!("\"{name}\":{value}"), documents)),
        ];
        vec(entry, 0..4).prop_map(|entries| {
            let documents = entries.iter().map(|(_, documents)| documents).sum::<usize>();
            let entries: Vec<String> = entries.into_iter().map(|(text, _)| text).collect();
            (format!("{{{}}}", entries.join(",")), documents + 1)
        })
    };
    let leaf = Just(("{}".to_owned(), 1)).boxed();
    strategy(strategy(leaf).boxed()).boxed()
}

/// A request of a client with documents of a class, which have an array in a field and in a nested document.
pub(super) fn class_with(array: &str) -> Message {
    let text = format!(
        r#"{{{CLIENT_HEADER}"data":[{{"id":"a","features":{array}}},{{"id":"b","image":{{"id":"c","tensor":[{array}]}}}}]}}"#
    );
    Message { documents: 3, bytes: text.into_bytes() }
}

/// A request.
pub(super) fn request() -> impl Strategy<Value = Message> {
    let header = prop_oneof![Just(""), Just(CLIENT_HEADER)];
    let parameters = prop_oneof![3 => Just(("{}".to_owned(), 0)), 1 => object(value())];
    let data = prop_oneof![4 => list(document()), 1 => document(), 1 => value()];
    // Every object may be a document.
    (header, parameters, data).prop_map(|(header, (parameters, _), (data, _))| Message {
        documents: data.matches('{').count(),
        bytes: format!("{{{header}\"parameters\":{parameters},\"data\":{data}}}").into_bytes(),
    })
}
