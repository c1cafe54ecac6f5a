//! Which of docarray's two schemas documents are of.
//!
//! In both, field 1 of a document is bytes: the id in the first schema, an entry of a map in the second. An entry
//! begins with the byte of its own first field, `0x0a`; an id would have to begin with a line feed to look like one.

use bytes::Buf as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// A schema of docarray's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// Fixed fields: docarray before 0.30. Also what a request without documents is taken for.
    #[default]
    V1,
    /// A map of fields: docarray from 0.30 on.
    V2,
}

impl Schema {
    /// The schema of a list of documents. The first document with anything in it decides.
    pub fn of_documents(mut list: &[u8]) -> Self {
        while let Some((1, document)) = field(&mut list) {
            if !document.is_empty() {
                return Self::of_document(document);
            }
        }
        Self::V1
    }

    /// The schema of one document.
    pub fn of_document(mut document: &[u8]) -> Self {
        if document.is_empty() {
            return Self::V1;
        }
        while !document.is_empty() {
            if !field(&mut document).is_some_and(|(number, payload)| number == 1 && is_entry(payload)) {
                return Self::V1;
            }
        }
        Self::V2
    }
}

/// Whether bytes are an entry of a map: a text as key, and at most one message as value.
fn is_entry(mut payload: &[u8]) -> bool {
    let Some((1, key)) = field(&mut payload) else { return false };
    let value = payload.is_empty() || matches!(field(&mut payload), Some((2, value)) if is_message(value));
    value && payload.is_empty() && std::str::from_utf8(key).is_ok()
}

/// Whether bytes can be read as fields to their end.
fn is_message(mut payload: &[u8]) -> bool {
    while !payload.is_empty() {
        let Ok((number, wire)) = decode_key(&mut payload) else { return false };
        if skip_field(wire, number, &mut payload, DecodeContext::default()).is_err() {
            return false;
        }
    }
    true
}

/// Takes a field of bytes from the front: its number and its payload.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let (number, WireType::LengthDelimited) = decode_key(message).ok()? else { return None };
    let length = usize::try_from(decode_varint(message).ok()?).ok()?;
    let payload = message.get(..length)?;
    message.advance(length);
    Some((number, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Document, wire};

    #[test]
    fn an_id_is_not_an_entry() {
        for id in ["a", "6c86abcfd0d54a90bcb3c4ed182990b3", "\n", "\n\u{1}a", ""] {
            let document = wire::encode(&Document::new(id).with_text("t"));
            assert_eq!(Schema::of_document(&document), Schema::V1, "{id:?}");
        }
        assert_eq!(Schema::of_document(&wire::encode(&Document::new("a"))), Schema::V1);
        assert_eq!(Schema::of_documents(&[]), Schema::V1);
    }

    #[test]
    fn an_entry_is_told_by_its_key_and_value() {
        // {"id": None}
        assert_eq!(Schema::of_document(b"\x0a\x06\x0a\x02id\x12\x00"), Schema::V2);
        // An empty document first, then {"id": {"text": "x"}}
        assert_eq!(Schema::of_documents(b"\x0a\x00\x0a\x0b\x0a\x09\x0a\x02id\x12\x03\x0a\x01x"), Schema::V2);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_of_some_schema(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Schema::of_documents(&bytes);
        }
    }
}
