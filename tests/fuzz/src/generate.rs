//! Generators of structured input: JSON values and protobuf messages of any shape.

use serde_json::{Map, Value};

use crate::random::Random;

/// Upper bound (exclusive) of the items of a list, an object or a message, except long lists.
const ITEMS_MAX: usize = 6;

/// Upper bound (exclusive) of the items of a long list. Decoders may need a multiple of its encoded size.
const LONG_MAX: usize = 5_000;

/// A JSON value nested at most `depth` levels deep. Most keys and texts are among `keys`, the others are random.
pub fn json(random: &mut Random, keys: &[&str], depth: usize) -> Value {
    match random.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(random.once_in(2)),
        2 => Value::from(random.number() as i64 >> random.below(64)),
        3 => Value::from(f64::from_bits(random.number())),
        4 => Value::from(text(random, keys)),
        5 => {
            let items = items(random);
            let item = json(random, keys, depth - 1);
            let varied = items <= ITEMS_MAX;
            (0..items)
                .map(|_| if varied { json(random, keys, depth - 1) } else { item.clone() })
                .collect::<Vec<_>>()
                .into()
        }
        _ => {
            let mut object = Map::new();
            for _ in 0..random.below(ITEMS_MAX) {
                object.insert(text(random, keys), json(random, keys, depth - 1));
            }
            object.into()
        }
    }
}

/// One of the keys, or a short text.
fn text(random: &mut Random, keys: &[&str]) -> String {
    if !keys.is_empty() && !random.once_in(4) {
        return (*random.choose(keys)).to_owned();
    }
    (0..random.small(40)).map(|_| char::from_u32(random.small(0x300) as u32).unwrap_or('\u{fffd}')).collect()
}

/// Number of items of a list: usually a few, one time in twelve up to [`LONG_MAX`].
fn items(random: &mut Random) -> usize {
    if random.once_in(12) { random.small(LONG_MAX) } else { random.below(ITEMS_MAX) }
}

/// A protobuf message with random fields, numbered from 1 to `fields`, nested at most `depth` levels deep.
pub fn protobuf(random: &mut Random, fields: u32, depth: usize) -> Vec<u8> {
    let mut message = Vec::new();
    for _ in 0..random.below(ITEMS_MAX) {
        let number = 1 + random.below(fields as usize) as u64;
        let field = protobuf_field(random, number, fields, depth);
        message.extend(field.repeat(items(random).max(1)));
    }
    message
}

fn protobuf_field(random: &mut Random, number: u64, fields: u32, depth: usize) -> Vec<u8> {
    const LENGTH_DELIMITED: u64 = 2;
    let kind = *random.choose(&[0, 1, LENGTH_DELIMITED, LENGTH_DELIMITED, LENGTH_DELIMITED, 5]);
    let mut field = Vec::new();
    put_varint(&mut field, number << 3 | kind);
    match kind {
        0 => {
            let shift = random.below(64);
            put_varint(&mut field, random.number() >> shift);
        }
        1 => field.extend(random.number().to_le_bytes()),
        LENGTH_DELIMITED => {
            let content = match random.below(4) {
                0 => Vec::new(),
                1 => text(random, &[]).into_bytes(),
                _ if depth == 0 => vec![random.number().to_le_bytes()[0]; random.small(100)],
                _ => protobuf(random, fields, depth - 1),
            };
            put_varint(&mut field, content.len() as u64);
            field.extend(content);
        }
        _ => field.extend(&random.number().to_le_bytes()[..4]),
    }
    field
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}
