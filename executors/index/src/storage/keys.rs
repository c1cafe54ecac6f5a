//! How the table is laid out as keys and values.
//!
//! One keyspace holds documents (protobuf bytes). One that has a vector is found by its row, since a search leads to rows:
//!
//! | key | value |
//! |---|---|
//! | `i` id | the document of that id, which has no vector |
//! | `r` row | the document whose vector that row is |
//!
//! Another holds what is small, told apart by the first byte too, since every keyspace costs memory and files:
//!
//! | key | value | meaning |
//! |---|---|---|
//! | `i` id | row, parent id | where the vector of a document is, and whose chunk it is |
//! | `r` row | id | whose vector a row is |
//! | `c` length of parent id, parent id, id | | a chunk of that parent |
//! | `d` row | | a row that nobody finds any more |
//! | `n` | rows, documents | the counters |
//! | `s` | rows | so many of the first rows are known to be on disk |

/// The longest id that is stored, in bytes. A key holds two of them, and a key has at most 65 535 bytes.
pub(crate) const ID_BYTES_MAX: usize = 16_384;

pub(super) const COUNTERS: &[u8] = b"n";
pub(super) const SYNCED: &[u8] = b"s";
pub(super) const NAMED: &[u8] = b"i";
/// Behind all keys that name an id.
pub(super) const NAMED_END: &[u8] = b"j";
pub(super) const DEAD: &[u8] = b"d";
pub(super) const LIVING: &[u8] = b"r";

/// Stands for a document without a vector.
const NO_ROW: u64 = u64::MAX;

/// What is known of a stored document besides its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The row of its vector; `None` for a document without one.
    pub(crate) row: Option<u64>,
    /// The document that it is a chunk of; empty for none.
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
    [NAMED, id.as_bytes()].concat()
}

/// The id that a key names.
pub(super) fn named_id(key: &[u8]) -> Option<String> {
    String::from_utf8(key.strip_prefix(NAMED)?.to_vec()).ok()
}

/// Where the document of that id is.
pub(super) fn document_key(id: &str, row: Option<u64>) -> Vec<u8> {
    row.map_or_else(|| id_key(id), row_key)
}

pub(super) fn row_key(row: u64) -> Vec<u8> {
    [LIVING, &row.to_be_bytes()].concat()
}

pub(super) fn dead_key(row: u64) -> Vec<u8> {
    [DEAD, &row.to_be_bytes()].concat()
}

/// The row that a key of a dead row names.
pub(super) fn dead_row(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.strip_prefix(DEAD)?.as_array()?))
}

/// The row that a key of a living row names.
pub(super) fn living_row(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(*key.strip_prefix(LIVING)?.as_array()?))
}

/// What the keys of all chunks of a parent start with. The length keeps `a` and `ab` apart.
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
        fn an_entry_comes_back_as_it_went(row in proptest::option::of(0..u64::MAX), parent_id: String) {
            let entry = Entry { row, parent_id };
            prop_assert_eq!(Entry::decode(&entry.encode()), Some(entry));
        }

        #[test]
        fn chunks_are_found_under_their_own_parent_alone(parents: [String; 2], ids: [String; 2]) {
            let [key, other] = [0, 1].map(|number| child_key(&parents[number], &ids[number]));
            let prefix = children_prefix(&parents[0]);
            prop_assert!(key.starts_with(&prefix));
            prop_assert_eq!(other.starts_with(&prefix), parents[0] == parents[1]);
            prop_assert_eq!(key.strip_prefix(&prefix[..]), Some(ids[0].as_bytes()));
        }
    }

    #[test]
    fn nonsense_is_no_entry() {
        assert_eq!(Entry::decode(b"short"), None);
        assert_eq!(Entry::decode(b"12345678\xff"), None);
        assert_eq!(dead_row(&dead_key(7)), Some(7));
        assert_eq!(dead_row(b"d1"), None);
        assert_eq!((living_row(&row_key(7)), living_row(&dead_key(7))), (Some(7), None));
        assert_eq!(
            (named_id(&id_key("é")), named_id(b"i\xff"), named_id(&row_key(7))),
            (Some("é".to_owned()), None, None)
        );
    }
}
