//! Which of docarray's two schemas documents are of.
//!
//! In both, field 1 of a document is bytes: the id in the first schema, an entry of a map in the second. An entry
//! begins with the byte of its own first field, `0x0a`; an id would have to begin with a line feed to look like one.

use super::field::{Field, Fields};

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
    pub fn of_documents(list: &[u8]) -> Self {
        for field in Fields::of(list) {
            match field {
                Ok((1, Field::Bytes([]))) => {}
                Ok((1, Field::Bytes(document))) => return Self::of_document(document),
                _ => break,
            }
        }
        Self::V1
    }

    /// The schema of one document.
    pub fn of_document(document: &[u8]) -> Self {
        let mut fields = Fields::of(document);
        let entries =
            fields.all(|field| matches!(field, Ok((1, Field::Bytes(payload))) if is_entry(payload)));
        if entries && !document.is_empty() { Self::V2 } else { Self::V1 }
    }
}

/// Whether bytes are an entry of a map: a text as key, and at most one message as value.
fn is_entry(payload: &[u8]) -> bool {
    let mut fields = Fields::of(payload);
    let key = matches!(fields.next(), Some(Ok((1, Field::Bytes(key)))) if str::from_utf8(key).is_ok());
    let value = match fields.next() {
        None => true,
        // Readable as fields to its end.
        Some(Ok((2, Field::Bytes(value)))) => Fields::of(value).all(|field| field.is_ok()),
        Some(_) => false,
    };
    key && value && fields.next().is_none()
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
