//! The list of the files of a snapshot.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the list is called. It is written last and read first.
pub(crate) const NAME: &str = "snapshot.json";
/// The longest list that is read, in bytes: some hundred thousand files.
pub(crate) const BYTES_MAX: u64 = 64 << 20;
/// The version of the list that is written, and the only one that is read.
const VERSION: u32 = 1;

/// The files of a snapshot.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Manifest {
    version: u32,
    /// Beneath what the files are, for others may have begun to put some there.
    pub(crate) beneath: String,
    pub(crate) files: Vec<Listed>,
}

/// A file.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Listed {
    /// Its path in the directory, with `/` between the parts.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn new(beneath: String, files: Vec<Listed>) -> Self {
        Self { version: VERSION, beneath, files }
    }

    /// A list that was written.
    ///
    /// # Errors
    /// When it is none, is of another version, or names what is not beneath the directory.
    pub(crate) fn read(json: &[u8]) -> Result<Self, String> {
        let read: Self =
            serde_json::from_slice(json).map_err(|error| format!("it is no list of files: {error}"))?;
        if read.version != VERSION {
            return Err(format!("it is of version {}, and {VERSION} can be read", read.version));
        }
        if read.beneath.contains('/') || !is_beneath(&read.beneath) {
            return Err(format!("`{}` is no name of what files are beneath", read.beneath));
        }
        let mut seen = BTreeSet::new();
        match read.files.iter().find(|file| !is_beneath(&file.name) || !seen.insert(&file.name)) {
            Some(file) => Err(format!("`{}` is no name that a file of a snapshot has", file.name)),
            None => Ok(read),
        }
    }

    /// The directories that the files are in, that above all others with an empty name.
    pub(crate) fn directories(&self) -> BTreeSet<&str> {
        let above = self
            .files
            .iter()
            .flat_map(|file| file.name.match_indices('/').filter_map(|(end, _)| file.name.get(..end)));
        above.chain([""]).collect()
    }
}

/// Whether a name stays in the directory, on every system.
fn is_beneath(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
    name != NAME && name.split('/').all(is_part)
}

/// The checksum of what comes piece by piece.
#[derive(Default)]
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn told(self) -> String {
        self.0.finalize().iter().fold(String::new(), |mut told, byte| {
            // Writing to a text does not fail.
            let _ = write!(told, "{byte:02x}");
            told
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_directory() {
        let read = |name: &str| {
            let files = vec![Listed { name: name.to_owned(), bytes: 0, sha256: String::new() }];
            Manifest::read(&serde_json::to_vec(&Manifest::new("f".to_owned(), files)).unwrap())
        };
        for name in ["a", "a/b.c", "0/documents.1/keyspaces", "..a", "ä b"] {
            assert!(read(name).is_ok(), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "C:a", "a\0", "snapshot.json"] {
            let refused = read(name).unwrap_err();
            assert!(refused.ends_with("is no name that a file of a snapshot has"), "{name}: {refused}");
        }
    }

    #[test]
    fn what_is_no_list_of_ours_is_refused() {
        for (json, expected) in [
            ("{", "it is no list of files: EOF"),
            ("[]", "it is no list of files"),
            (r#"{"version": 2, "beneath": "f", "files": []}"#, "it is of version 2, and 1 can be read"),
            (r#"{"version": 1, "beneath": "..", "files": []}"#, "`..` is no name of what files are beneath"),
            (
                r#"{"version": 1, "beneath": "f/g", "files": []}"#,
                "`f/g` is no name of what files are beneath",
            ),
            (
                r#"{"version": 1, "beneath": "f", "files": [
                    {"name": "a", "bytes": 1, "sha256": ""}, {"name": "a", "bytes": 1, "sha256": ""}]}"#,
                "`a` is no name",
            ),
        ] {
            let refused = Manifest::read(json.as_bytes()).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
