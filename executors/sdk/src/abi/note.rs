//! The note in the file of a library: what it offers and which version of the boundary it speaks, readable without
//! executing anything.
//!
//! It is a note as ELF has them: the lengths of name and description, a type, the name, the description. The
//! description is the version of the boundary (four bytes in the order of the machine), and then JSON, with blanks
//! behind it to a multiple of four bytes.

use super::describe::describe;
use super::table::FLOWRUN_ABI_VERSION;
use crate::ExecutorType;

/// The section that the note stands in.
pub const NOTE_SECTION: &str = ".note.flowrun";

/// The name of the note, with the zero that ends it.
pub const NOTE_NAME: [u8; 8] = *b"flowrun\0";

/// The type of the note.
pub const NOTE_TYPE: u32 = 1;

/// A note whose JSON has so many bytes.
#[repr(C, align(4))]
#[derive(Debug)]
pub struct Note<const N: usize> {
    name_length: u32,
    description_length: u32,
    kind: u32,
    name: [u8; 8],
    abi_version: u32,
    json: [u8; N],
}

impl<const N: usize> Note<N> {
    /// The note of a library with these executors. `N` is its [`length`](note_length).
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a note of four gigabytes does not compile")]
    pub const fn new(types: &[ExecutorType], name: &str, version: &str) -> Self {
        let json = describe::<N>(types, name, version);
        assert!(json.length <= N && N.is_multiple_of(4), "N is what `note_length` says");
        Self {
            name_length: NOTE_NAME.len() as u32,
            description_length: (N + size_of::<u32>()) as u32,
            kind: NOTE_TYPE,
            name: NOTE_NAME,
            abi_version: FLOWRUN_ABI_VERSION,
            json: json.bytes,
        }
    }

    /// What it says.
    pub const fn json(&self) -> &[u8] {
        &self.json
    }
}

/// Bytes of the JSON of a note.
#[must_use]
pub const fn note_length(types: &[ExecutorType], name: &str, version: &str) -> usize {
    describe::<0>(types, name, version).length.next_multiple_of(4)
}
