//! Writes messages of docarray's second schema byte by byte. The generated types would occupy 80 bytes for each number.
//!
//! A message is written after a placeholder for its length, and moved if the length turns out to need more bytes: a byte at
//! most once for each of its 99 levels. The encoding
//! is that of prost, byte for byte: fields in the order of their numbers, maps sorted by name, empty values of maps omitted.

use prost::encoding::{WireType, encode_varint, encoded_len_varint};
use serde_json::{Number, Value};

/// Number of the field `list` of a `NodeProto`.
pub(super) const LIST: u8 = 9;

/// Number of the field `dict` of a `NodeProto`.
pub(super) const DICT: u8 = 12;

/// Number of the field `type` of a `NodeProto`.
pub(super) const TYPE: u8 = 13;

/// Number of the only field of lists and maps.
pub(super) const ITEM: u8 = 1;

/// A nested message that is being written.
#[must_use]
pub(super) struct OpenMessage {
    /// Position of its length.
    length_at: usize,
    /// Bytes of the placeholder for its length.
    placeholder: usize,
}

/// An entry of a map that is being written.
#[must_use]
pub(super) struct OpenEntry {
    entry: OpenMessage,
    value: OpenMessage,
}

/// Destination of a message. Field numbers are below 16.
pub(super) trait Output {
    /// Bytes written.
    fn length(&self) -> usize;

    /// Appends bytes.
    fn append(&mut self, bytes: &[u8]);

    /// Replaces `count` bytes at `position`.
    fn replace(&mut self, position: usize, count: usize, bytes: &[u8]);

    /// Appends a number.
    fn varint(&mut self, number: u64) {
        let (bytes, length) = varint(number);
        self.append(bytes.get(..length).unwrap_or_default());
    }

    /// Appends the number and the type of a field.
    fn key(&mut self, field: u8, wire: WireType) {
        self.append(&[field << 3 | wire as u8]);
    }

    /// Appends a text.
    fn text(&mut self, field: u8, text: &str) {
        self.key(field, WireType::LengthDelimited);
        self.varint(text.len() as u64);
        self.append(text.as_bytes());
    }

    /// Appends an integer as the content of a `NodeProto`.
    fn integer(&mut self, integer: i32) {
        self.key(2, WireType::Varint);
        self.varint(i64::from(integer).cast_unsigned());
    }

    /// Appends a float as the content of a `NodeProto`.
    fn float(&mut self, float: f64) {
        self.key(3, WireType::SixtyFourBit);
        self.append(&float.to_le_bytes());
    }

    /// Appends a boolean as the content of a `NodeProto`.
    fn boolean(&mut self, boolean: bool) {
        self.key(4, WireType::Varint);
        self.varint(boolean.into());
    }

    /// Begins a message. It need not be moved if it has about `expected` bytes.
    fn open(&mut self, field: u8, expected: usize) -> OpenMessage {
        self.key(field, WireType::LengthDelimited);
        let length_at = self.length();
        self.varint(expected as u64);
        OpenMessage { length_at, placeholder: self.length() - length_at }
    }

    /// Ends a message.
    fn close(&mut self, message: OpenMessage) {
        let OpenMessage { length_at, placeholder } = message;
        let (bytes, length) = varint((self.length() - length_at - placeholder) as u64);
        self.replace(length_at, placeholder, bytes.get(..length).unwrap_or_default());
    }

    /// Begins an entry of a map, whose value has about `expected` bytes.
    fn open_entry(&mut self, name: &str, expected: usize) -> OpenEntry {
        let entry = self.open(ITEM, name.len() + expected);
        if !name.is_empty() {
            self.text(1, name);
        }
        OpenEntry { entry, value: self.open(2, expected) }
    }

    /// Ends an entry of a map.
    fn close_entry(&mut self, entry: OpenEntry) {
        let OpenEntry { entry, value } = entry;
        if self.length() == value.length_at + value.placeholder {
            self.replace(value.length_at - 1, value.placeholder + 1, &[]);
        } else {
            self.close(value);
        }
        self.close(entry);
    }
}

fn varint(number: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    encode_varint(number, &mut bytes.as_mut_slice());
    (bytes, encoded_len_varint(number))
}

impl Output for Vec<u8> {
    fn length(&self) -> usize {
        self.len()
    }

    fn append(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn replace(&mut self, position: usize, count: usize, bytes: &[u8]) {
        match self.get_mut(position..position + count) {
            Some(replaced) if count == bytes.len() => replaced.copy_from_slice(bytes),
            _ => drop(self.splice(position..position + count, bytes.iter().copied())),
        }
    }
}

/// Counts the bytes of a message.
#[derive(Debug, Default)]
pub(super) struct Length(pub(super) usize);

impl Output for Length {
    fn length(&self) -> usize {
        self.0
    }

    fn append(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn replace(&mut self, _: usize, count: usize, bytes: &[u8]) {
        self.0 = self.0 - count + bytes.len();
    }
}

/// Writes a JSON value as the content of a `NodeProto`. A whole number becomes an integer unless `kind` is `float`.
pub(super) fn write_value(value: &Value, kind: &str, output: &mut impl Output) {
    match value {
        Value::Null => {}
        Value::Bool(boolean) => output.boolean(*boolean),
        Value::Number(number) => write_number(number, kind, output),
        Value::String(text) => output.text(1, text),
        Value::Array(items) => {
            let list = output.open(LIST, 0);
            for item in items {
                let node = output.open(ITEM, 0);
                write_value(item, "", output);
                output.close(node);
            }
            output.close(list);
        }
        Value::Object(entries) => write_map(entries.iter().collect(), output),
    }
}

fn write_number(number: &Number, kind: &str, output: &mut impl Output) {
    match number.as_i64().and_then(|integer| i32::try_from(integer).ok()) {
        Some(integer) if kind != "float" => output.integer(integer),
        _ => output.float(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Writes the entries of a JSON object as the content of a `NodeProto`.
pub(super) fn write_map(mut entries: Vec<(&String, &Value)>, output: &mut impl Output) {
    entries.sort_unstable_by_key(|(name, _)| *name);
    let map = output.open(DICT, 0);
    for (name, value) in entries {
        let entry = output.open_entry(name, 0);
        write_value(value, "", output);
        output.close_entry(entry);
    }
    output.close(map);
}
