//! The note in the file of a library: its executors and the version of the interface, readable without executing it.
//!
//! It has the format of ELF notes: the lengths of name and description, a type, the name, the description. The description
//! is the version of the interface (four bytes in the byte order of the machine), followed by JSON ([`Description`]), padded
//! with spaces to a multiple of four bytes.
//!
//! [`Description`]: super::Description

use super::const_description::describe;
use super::table::FLOWRUN_ABI_VERSION;
use crate::ExecutorType;

/// Name of the section of the note.
pub const NOTE_SECTION: &str = ".note.flowrun";

/// Name of the note, with its terminating zero.
pub const NOTE_NAME: [u8; 8] = *b"flowrun\0";

/// Type of the note.
pub const NOTE_TYPE: u32 = 1;

/// A note with `N` bytes of JSON.
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
    /// Creates the note of a library. `N` is its [`note_length`].
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a note of four gigabytes does not compile")]
    pub const fn new(types: &[ExecutorType], name: &str, version: &str) -> Self {
        let json = describe::<N>(types, name, version);
        assert!(json.length <= N && N.is_multiple_of(4), "N is the value of `note_length`");
        Self {
            name_length: NOTE_NAME.len() as u32,
            description_length: (N + size_of::<u32>()) as u32,
            kind: NOTE_TYPE,
            name: NOTE_NAME,
            abi_version: FLOWRUN_ABI_VERSION,
            json: json.bytes,
        }
    }

    /// JSON of the note.
    pub const fn json(&self) -> &[u8] {
        &self.json
    }
}

/// Length of the JSON of a note in bytes, with padding.
#[must_use]
pub const fn note_length(types: &[ExecutorType], name: &str, version: &str) -> usize {
    describe::<0>(types, name, version).length.next_multiple_of(4)
}
