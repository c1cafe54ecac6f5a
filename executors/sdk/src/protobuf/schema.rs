//! docarray's two schemas, and the detection of the schema of a message, which messages do not state.
//!
//! In both schemas, field 1 of a document is bytes: the id in the first schema, an entry of a map in the second. An entry
//! begins with the key of its own first field, `0x0a`; an id would have to begin with a line feed to look like one.

use super::field_reader::{Field, FieldReader};

/// Schema of docarray in which documents are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schema {
    /// Fixed fields: docarray before 0.30. The default for a request without documents.
    #[default]
    V1,
    /// A map of fields: docarray 0.30 and later.
    V2,
}

impl Schema {
    /// Detects the schema of a list of documents by its first document that is not empty.
    pub fn of_documents(list: &[u8]) -> Self {
        for field in FieldReader::new(list) {
            match field {
                Ok((1, Field::Bytes([]))) => {}
                Ok((1, Field::Bytes(document))) => return Self::of_document(document),
                _ => break,
            }
        }
        Self::V1
    }

    /// Detects the schema of one document.
    pub fn of_document(document: &[u8]) -> Self {
        let mut fields = FieldReader::new(document);
        let entries =
            fields.all(|field| matches!(field, Ok((1, Field::Bytes(payload))) if is_entry(payload)));
        if entries && !document.is_empty() { Self::V2 } else { Self::V1 }
    }
}

/// Returns `true` for an entry of a map: a string as key, and at most one message as value.
fn is_entry(payload: &[u8]) -> bool {
    let mut fields = FieldReader::new(payload);
    let key = matches!(fields.next(), Some(Ok((1, Field::Bytes(key)))) if str::from_utf8(key).is_ok());
    let value = match fields.next() {
        None => true,
        Some(Ok((2, Field::Bytes(value)))) => FieldReader::new(value).all(|field| field.is_ok()),
        Some(_) => false,
    };
    key && value && fields.next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Document, protobuf};

    #[test]
    fn ids_are_not_mistaken_for_map_entries() {
        for id in ["a", "6c86abcfd0d54a90bcb3c4ed182990b3", "\n", "\n\u{1}a", ""] {
            let document = protobuf::encode(&Document::new(id).with_text("t"));
            assert_eq!(Schema::of_document(&document), Schema::V1, "{id:?}");
        }
        assert_eq!(Schema::of_document(&protobuf::encode(&Document::new("a"))), Schema::V1);
        assert_eq!(Schema::of_documents(&[]), Schema::V1);
    }

    #[test]
    fn map_entries_are_detected_by_key_and_value() {
        // {"id": None}
        assert_eq!(Schema::of_document(b"\x0a\x06\x0a\x02id\x12\x00"), Schema::V2);
        // An empty document first, then {"id": {"text": "x"}}
        assert_eq!(Schema::of_documents(b"\x0a\x00\x0a\x0b\x0a\x09\x0a\x02id\x12\x03\x0a\x01x"), Schema::V2);
    }

    proptest! {
        #[test]
        fn detection_accepts_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Schema::of_documents(&bytes);
        }
    }
}
