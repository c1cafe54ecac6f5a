//! Keys and values of the table.
//!
//! One keyspace holds documents (protobuf bytes). A document with a vector is found by its row, since a search yields
//! rows:
//!
//! | key | value |
//! |---|---|
//! | `i` id | the document of this id, which has no vector |
//! | `r` row | the document whose vector has this row |
//!
//! The other keyspace holds everything small, distinguished by the first byte as well, because each keyspace costs
//! memory and files:
//!
//! | key | value | meaning |
//! |---|---|---|
//! | `i` id | row, parent id | the row of a document, and the document that it is a chunk of |
//! | `r` row | id | the document of a row |
//! | `c` length of parent id, parent id, id | | the document `id` is a chunk of this parent |
//! | `d` row | | the row has a tombstone |
//! | `n` | rows, documents | the counters |
//! | `s` | rows | number of leading rows that are known to be synced |
//! | `q` | changes | number of changes of the table, see [`super::acknowledged`] |

/// The longest id, in bytes. A key holds two of them, and fjall allows keys of 65 535 bytes.
pub(crate) const ID_BYTES_MAX: usize = 16_384;

/// Key of the counters.
pub(super) const COUNTERS: &[u8] = b"n";
/// Key of the number of synced rows.
pub(super) const SYNCED: &[u8] = b"s";
/// Key of the number of changes.
pub(super) const CHANGES: &[u8] = b"q";
/// First byte of the keys of ids.
pub(super) const ID: &[u8] = b"i";
/// End of the range of the keys of ids, exclusive.
pub(super) const ID_END: &[u8] = b"j";
/// First byte of the keys of tombstones.
pub(super) const TOMBSTONE: &[u8] = b"d";
/// First byte of the keys of rows.
pub(super) const ROW: &[u8] = b"r";

/// Row in the entry of a document without a vector.
const NO_ROW: u64 = u64::MAX;

/// Index entry of a stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The row of its vector; `None` for a document without one.
    pub(crate) row: Option<u64>,
    /// Id of the document that it is a chunk of; empty for none.
    pub(crate) parent_id: String,
}

impl Entry {
    pub(super) fn encode(&self) -> Vec<u8> {
        let row = self.row.unwrap_or(NO_ROW).to_be_bytes();
        [&row[..], self.parent_id.as_bytes()].concat()
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (row, parent_id) = value.split_first_chunk()?;
        let row = Some(u64::from_be_bytes(*row)).filter(|row| *row != NO_ROW);
        Some(Self { row, parent_id: str::from_utf8(parent_id).ok()?.to_owned() })
    }
}

pub(super) fn id_key(id: &str) -> Vec<u8> {
    [ID, id.as_bytes()].concat()
}

/// The id in a key.
pub(super) fn id_of_key(key: &[u8]) -> Option<String> {
    String::from_utf8(key.strip_prefix(ID)?.to_vec()).ok()
}

/// Key of a document in the keyspace of documents: by the row of its vector, or by its id if it has none.
pub(super) fn document_key(id: &str, row: Option<u64>) -> Vec<u8> {
    row.map_or_else(|| id_key(id), row_key)
}

pub(super) fn row_key(row: u64) -> Vec<u8> {
    [ROW, &row.to_be_bytes()].concat()
}

pub(super) fn tombstone_key(row: u64) -> Vec<u8> {
    [TOMBSTONE, &row.to_be_bytes()].concat()
}

/// The row in the key of a tombstone.
pub(super) fn row_of_tombstone_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.strip_prefix(TOMBSTONE)?.as_array()?))
}

/// The row in the key of a live row.
pub(super) fn row_of_key(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.strip_prefix(ROW)?.as_array()?))
}

/// Common prefix of the keys of all chunks of a parent. The length separates `a` from `ab`.
pub(super) fn children_prefix(parent_id: &str) -> Vec<u8> {
    let length = u16::try_from(parent_id.len()).unwrap_or(u16::MAX);
    [&b"c"[..], &length.to_be_bytes(), parent_id.as_bytes()].concat()
}

pub(super) fn child_key(parent_id: &str, id: &str) -> Vec<u8> {
    [&children_prefix(parent_id)[..], id.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decoding_inverts_encoding(row in proptest::option::of(0..u64::MAX), parent_id: String) {
            let entry = Entry { row, parent_id };
            prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }

        #[test]
        fn the_prefix_of_a_parent_selects_exactly_its_chunks(parents: [String; 2], ids: [String; 2]) {
            let [key, other] = [0, 1].map(|number| child_key(&parents[number], &ids[number]));
            let prefix = children_prefix(&parents[0]);
            prop_assert!(key.starts_with(&prefix));
            prop_assert_eq!(other.starts_with(&prefix), parents[0] == parents[1]);
            prop_assert_eq!(key.strip_prefix(&prefix[..]), Some(ids[0].as_bytes()));
        }
    }

    #[test]
    fn malformed_keys_and_entries_are_rejected() {
        assert_eq!(Entry::decode(b"short"), None);
        assert_eq!(Entry::decode(b"12345678\xff"), None);
        assert_eq!(row_of_tombstone_key(&tombstone_key(7)), Some(7));
        assert_eq!(row_of_tombstone_key(b"d1"), None);
        assert_eq!((row_of_key(&row_key(7)), row_of_key(&tombstone_key(7))), (Some(7), None));
        assert_eq!(
            (id_of_key(&id_key("é")), id_of_key(b"i\xff"), id_of_key(&row_key(7))),
            (Some("é".to_owned()), None, None)
        );
    }
}
