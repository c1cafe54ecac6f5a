//! Generates messages with documents of both schemas.

use proptest::collection::vec;
use proptest::prelude::*;

use super::Message;

/// A part of a message, and an upper bound of the number of documents in it.
type Part = (Vec<u8>, usize);

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A field that contains bytes, a text or a message.
pub(super) fn field(number: usize, content: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(content.len()), content.to_vec()].concat()
}

fn wrap(number: usize, part: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    part.prop_map(move |(content, documents)| (field(number, &content), documents))
}

/// Repeats a part: mostly a few times, sometimes until the result has 100 kB.
fn repeated(part: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    let count = prop_oneof![3 => 1..3_usize, 1 => 1..200_usize, 1 => Just(usize::MAX)];
    (part, count).prop_map(|((bytes, documents), count)| {
        let count = count.min(100_000 / bytes.len().max(1)).max(1);
        (bytes.repeat(count), documents * count)
    })
}

fn parts(part: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    vec(part, 0..4).prop_map(|parts| {
        let documents = parts.iter().map(|(_, documents)| documents).sum();
        (parts.into_iter().flat_map(|(bytes, _)| bytes).collect(), documents)
    })
}

fn text() -> impl Strategy<Value = Part> {
    "[a-z]{0,3}|[a-z]{100}".prop_map(|text| (text.into_bytes(), 0))
}

/// A field with a number that no message declares.
fn unknown() -> impl Strategy<Value = Part> {
    (30..40_usize, "[a-z]{0,3}").prop_map(|(number, text)| (field(number, text.as_bytes()), 0))
}

/// Entries of a map, which repeat one value under short names.
fn entries(value: impl Strategy<Value = Part>) -> impl Strategy<Value = Part> {
    (value, prop_oneof![4 => 0..4_usize, 1 => 0..5_000_usize]).prop_map(|((value, documents), count)| {
        let count = count.min(1 + 100_000 / (value.len() + 10));
        let entry = |number: usize| {
            field(1, &[field(1, format!("{number:x}").as_bytes()), field(2, &value)].concat())
        };
        ((0..count).flat_map(entry).collect(), documents * count)
    })
}

/// A `google.protobuf.Struct`.
fn structure() -> BoxedStrategy<Part> {
    let leaf = prop_oneof![
        Just((vec![0x08, 0], 0)),
        Just((vec![0x20, 1], 0)),
        Just(([&[0x11][..], &1.5_f64.to_le_bytes()].concat(), 0)),
        wrap(3, text()),
        Just((Vec::new(), 0)),
    ];
    let value = leaf.boxed().prop_recursive(3, 16, 2, |inner| {
        prop_oneof![wrap(6, repeated(wrap(1, inner.clone()))), wrap(5, entries(inner))].boxed()
    });
    entries(value).boxed()
}

fn array() -> impl Strategy<Value = Part> {
    let shape = prop_oneof![Just(vec![1]), Just(vec![1; 40]), Just(vec![1; 50_000])];
    (0..100_usize, shape).prop_map(|(length, mut shape)| {
        if let Some(first) = shape.first_mut() {
            *first = length as u8 & 0x7f;
        }
        let dense = [field(1, &vec![0; 4 * length]), field(2, &shape), field(3, b"<f4")].concat();
        (field(1, &dense), 0)
    })
}

/// A document of the first schema.
pub(super) fn document1() -> BoxedStrategy<Part> {
    // As many scores as the map has entries, each a field of the document.
    let score = (0..300_usize, text(), 18..20_usize).prop_map(|(count, (text, _), map)| {
        let entry = |number: usize| {
            let score = field(2, &field(2, &text));
            field(map, &[field(1, format!("{number:x}").as_bytes()), score].concat())
        };
        ((0..count).flat_map(entry).collect(), 0)
    });
    let plain = prop_oneof![
        wrap(1, text()),
        wrap(2, text()),
        wrap(3, array()),
        wrap(4, text()),
        wrap(7, text()),
        repeated(wrap(13, Just((vec![0; 8], 0)))),
        wrap(16, array()),
        wrap(17, structure()),
        repeated(wrap(17, structure())),
        score,
        repeated(wrap(18, wrap(1, text()))),
        repeated(wrap(19, wrap(1, text()))),
        wrap(20, structure()),
        repeated(wrap(20, structure())),
        repeated(unknown()),
    ];
    let document = parts(plain.boxed()).prop_map(|(content, documents)| (content, documents + 1)).boxed();
    document
        .prop_recursive(3, 20, 3, |inner| {
            let nested = (14..16_usize, repeated(wrap(14, inner.clone()))).prop_map(|(_, part)| part).boxed();
            (inner, parts(nested))
                .prop_map(|((own, own_documents), (nested, documents))| {
                    ([own, nested].concat(), own_documents + documents)
                })
                .boxed()
        })
        .boxed()
}

/// A document of the second schema.
pub(super) fn document2() -> BoxedStrategy<Part> {
    let leaf = prop_oneof![
        Just((Vec::new(), 0)),
        wrap(1, text()),
        Just((vec![0x10, 1], 0)),
        Just(([&[0x19][..], &0.5_f64.to_le_bytes()].concat(), 0)),
        wrap(5, text()),
        wrap(6, array()),
        text().prop_map(|(text, _)| ([field(1, b"u"), field(13, &text)].concat(), 0)),
    ];
    let node = leaf.boxed().prop_recursive(3, 16, 2, |inner| {
        prop_oneof![
            wrap(7, entries(inner.clone())),
            wrap(8, repeated(wrap(1, entries(inner.clone()))))
                .prop_map(|(part, _)| (part.clone(), part.len())),
            wrap(9, repeated(wrap(1, inner.clone()))),
            wrap(10, repeated(wrap(1, inner.clone()))),
            wrap(12, entries(inner)),
        ]
        .boxed()
    });
    let names = "id|uri|url|text|blob|tensor|embedding|tags|scores|chunks|matches|weight|[a-d]|__fields__";
    let named = (names, node.clone()).prop_map(|(name, (node, documents))| {
        (field(1, &[field(1, name.as_bytes()), field(2, &node)].concat()), documents)
    });
    let id = Just((field(1, &[field(1, b"id"), field(2, &field(1, b"a"))].concat()), 0));
    (id, parts(prop_oneof![4 => named.boxed(), 1 => entries(node).boxed()].boxed()))
        .prop_map(|((id, _), (fields, documents))| ([id, fields].concat(), documents + 1))
        .boxed()
}

fn request_part(document: BoxedStrategy<Part>) -> impl Strategy<Value = Part> {
    let data = wrap(4, wrap(1, parts(repeated(wrap(1, document)).boxed())));
    let header = wrap(1, parts(prop_oneof![wrap(1, text()), repeated(wrap(2, unknown())), wrap(3, text())]));
    let part = prop_oneof![
        2 => data.boxed(),
        1 => header.boxed(),
        1 => wrap(2, structure()).boxed(),
        1 => repeated(wrap(3, wrap(1, text()))).boxed(),
        1 => repeated(unknown()).boxed(),
    ];
    parts(part)
}

/// A `DataRequestProto` with these documents.
pub(super) fn request(document: BoxedStrategy<Part>) -> impl Strategy<Value = Message> {
    request_part(document).prop_map(|(bytes, documents)| Message { bytes, documents })
}

/// A `DataRequestListProto`.
pub(super) fn list() -> impl Strategy<Value = Message> {
    let requests = parts(repeated(wrap(1, request_part(document1()))).boxed());
    requests.prop_map(|(bytes, documents)| Message { bytes, documents })
}
