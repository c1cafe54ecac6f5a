//! Manifest of a snapshot: its files with sizes and checksums.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Name of the manifest, which is uploaded last and downloaded first.
pub(crate) const NAME: &str = "snapshot.json";
/// Largest manifest in bytes, enough for several hundred thousand files.
pub(crate) const BYTES_MAX: u64 = 64 << 20;
/// Format version; no other one is supported.
const VERSION: u32 = 1;

/// The files of a snapshot.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Manifest {
    version: u32,
    /// Prefix of the files, unique to this upload: several uploads to one address do not overwrite each other's files. Its
    /// JSON key must not change, since existing manifests have it.
    #[serde(rename = "beneath")]
    pub(crate) files_prefix: String,
    pub(crate) files: Vec<FileEntry>,
}

/// A file of a snapshot.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FileEntry {
    /// Path relative to the directory, separated by `/`.
    pub(crate) name: String,
    /// Size in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub(crate) sha256: String,
}

impl Manifest {
    pub(crate) fn new(files_prefix: String, files: Vec<FileEntry>) -> Self {
        Self { version: VERSION, files_prefix, files }
    }

    /// Parses a manifest.
    ///
    /// # Errors
    /// When it is malformed, has another version, or names a path outside the directory or the same path twice.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| format!("it is not a manifest: {error}"))?;
        if manifest.version != VERSION {
            return Err(format!("it has version {}, but only {VERSION} is supported", manifest.version));
        }
        if manifest.files_prefix.contains('/') || !is_relative(&manifest.files_prefix) {
            return Err(format!("`{}` is not a valid prefix of files", manifest.files_prefix));
        }
        let mut seen = BTreeSet::new();
        match manifest.files.iter().find(|file| !is_relative(&file.name) || !seen.insert(&file.name)) {
            Some(file) => Err(format!("`{}` is not a valid file name in a snapshot", file.name)),
            None => Ok(manifest),
        }
    }

    /// Paths of the directories of the files, relative to the top directory, whose path is empty.
    pub(crate) fn directories(&self) -> BTreeSet<&str> {
        let parents = self
            .files
            .iter()
            .flat_map(|file| file.name.match_indices('/').filter_map(|(end, _)| file.name.get(..end)));
        parents.chain([""]).collect()
    }
}

/// True if a name is a path inside the directory on every operating system, and not that of the manifest.
fn is_relative(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0', ':']);
    name != NAME && name.split('/').all(is_part)
}

/// An incremental SHA-256 checksum.
#[derive(Default)]
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum in hexadecimal.
    pub(crate) fn hex(self) -> String {
        self.0.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_outside_the_directory_are_rejected() {
        let parse = |name: &str| {
            let files = vec![FileEntry { name: name.to_owned(), bytes: 0, sha256: String::new() }];
            Manifest::parse(&serde_json::to_vec(&Manifest::new("f".to_owned(), files)).unwrap())
        };
        for name in ["a", "a/b.c", "0/documents.1/keyspaces", "..a", "ä b"] {
            assert!(parse(name).is_ok(), "{name}");
        }
        for name in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "C:a", "a\0", "snapshot.json"] {
            let refused = parse(name).unwrap_err();
            assert!(refused.ends_with("is not a valid file name in a snapshot"), "{name}: {refused}");
        }
    }

    #[test]
    fn malformed_manifests_are_rejected() {
        for (json, expected) in [
            ("{", "it is not a manifest: EOF"),
            ("[]", "it is not a manifest"),
            (r#"{"version": 2, "beneath": "f", "files": []}"#, "it has version 2, but only 1 is supported"),
            (r#"{"version": 1, "beneath": "..", "files": []}"#, "`..` is not a valid prefix of files"),
            (r#"{"version": 1, "beneath": "f/g", "files": []}"#, "`f/g` is not a valid prefix of files"),
            (
                r#"{"version": 1, "beneath": "f", "files": [
                    {"name": "a", "bytes": 1, "sha256": ""}, {"name": "a", "bytes": 1, "sha256": ""}]}"#,
                "`a` is not a valid file name",
            ),
        ] {
            let refused = Manifest::parse(json.as_bytes()).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
