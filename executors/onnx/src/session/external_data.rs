//! External weights: copies them into the model, for a runtime that rejects links out of the model's directory. The
//! caches of model hubs consist of such links.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Component, Path};

use flowrun_sdk::guard;

use super::ModelError;
use super::format::{self, Field, append_bytes, fields, is_external, string, within};

/// Largest file of external weights in bytes.
const FILE_BYTES_MAX: u64 = 16 << 30;

/// Field numbers of `TensorProto`, and of the entries of its external data.
mod field {
    pub(super) const RAW_DATA: u64 = 9;
    pub(super) const EXTERNAL_DATA: u64 = super::format::field::TENSOR_EXTERNAL_DATA;
    pub(super) const DATA_LOCATION: u64 = super::format::field::TENSOR_DATA_LOCATION;
    pub(super) const ENTRY_KEY: u64 = 1;
    pub(super) const ENTRY_VALUE: u64 = 2;
}

/// Files of external weights by location.
type Files = HashMap<String, Vec<u8>>;

/// Returns the model with the weights in files of `directory` copied into it. A file may be a link to any other file.
///
/// # Errors
/// When a location is missing or outside the directory, or a file cannot be read or is too short.
pub(super) fn embed(model: &[u8], directory: &Path) -> Result<Vec<u8>, ModelError> {
    let mut files = Files::new();
    within(model, &[format::field::MODEL_GRAPH, format::field::GRAPH_INITIALIZER], &mut |tensor| {
        let fields = fields(tensor)?;
        match fields.iter().any(is_external) {
            true => tensor_with_data(&fields, directory, &mut files).map(Some),
            false => Ok(None),
        }
    })
}

/// Encodes a tensor with the data that its external-data entries refer to.
fn tensor_with_data(
    tensor: &[Field<'_>],
    directory: &Path,
    files: &mut Files,
) -> Result<Vec<u8>, ModelError> {
    let location = Location::read(tensor)?;
    let data = location.data(directory, files)?;
    let own =
        tensor.iter().filter(|field| ![field::EXTERNAL_DATA, field::DATA_LOCATION].contains(&field.number));
    let mut written: Vec<u8> = own.flat_map(|field| field.written).copied().collect();
    append_bytes(&mut written, field::RAW_DATA, data);
    Ok(written)
}

/// Location of a tensor's data.
struct Location {
    file: String,
    offset: usize,
    /// `None` for the rest of the file.
    length: Option<usize>,
}

impl Location {
    fn read(tensor: &[Field<'_>]) -> Result<Self, ModelError> {
        let mut entries = HashMap::new();
        for entry in tensor.iter().filter(|field| field.number == field::EXTERNAL_DATA) {
            let entry = entry.content.unwrap_or_default();
            entries.insert(string(entry, field::ENTRY_KEY)?, string(entry, field::ENTRY_VALUE)?);
        }
        let number = |name: &str| {
            let parsed = entries.get(name).map(|text| text.parse::<usize>()).transpose();
            parsed.map_err(|_| {
                ModelError::Model(format!("the `{name}` of its external weights is not a number"))
            })
        };
        Ok(Self {
            offset: number("offset")?.unwrap_or_default(),
            length: number("length")?,
            file: entries.remove("location").unwrap_or_default(),
        })
    }

    /// The data, from the file or from `files`, which were read before.
    fn data<'a>(&self, directory: &Path, files: &'a mut Files) -> Result<&'a [u8], ModelError> {
        if self.file.is_empty() {
            return Err(ModelError::Model("its external weights have no `location`".to_owned()));
        }
        let file = Path::new(&self.file);
        let is_below = file.components().all(|component| matches!(component, Component::Normal(_)));
        if !is_below {
            return Err(ModelError::Model(format!(
                "its external weights are in `{}`, which is not a path within its directory",
                self.file
            )));
        }
        let content = match files.entry(self.file.clone()) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(free) => {
                let content = guard::read_file(&directory.join(file), FILE_BYTES_MAX);
                free.insert(content.map_err(|error| ModelError::File(error.to_string()))?)
            }
        };
        let length = self.length.unwrap_or_else(|| content.len().saturating_sub(self.offset));
        let end = self.offset.checked_add(length);
        end.and_then(|end| content.get(self.offset..end)).ok_or_else(|| {
            ModelError::Model(format!("the file `{}` of its external weights is truncated", self.file))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, content: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        append_bytes(&mut written, number, content);
        written
    }

    /// A model with one tensor `w` of these fields.
    fn model(tensor: &[u8]) -> Vec<u8> {
        let tensor = [message(8, b"w"), tensor.to_vec()].concat();
        [vec![8, 8], message(7, &message(5, &tensor))].concat()
    }

    /// A model whose tensor has external data with these entries.
    fn external(entries: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(key, value): &(&str, &str)| {
            message(13, &[message(1, key.as_bytes()), message(2, value.as_bytes())].concat())
        };
        let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
        // `data_location` is external.
        model(&[entries, vec![14 << 3, 1]].concat())
    }

    #[test]
    fn weights_are_copied_through_links_out_of_the_directory() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("snapshot");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(root.path().join("blob"), b"abcdef").unwrap();
        std::os::unix::fs::symlink("../blob", directory.join("data")).unwrap();
        for (entries, expected) in [
            (&[("location", "data")][..], &b"abcdef"[..]),
            (&[("location", "data"), ("offset", "2")], b"cdef"),
            (&[("location", "data"), ("offset", "2"), ("length", "3")], b"cde"),
        ] {
            assert_eq!(embed(&external(entries), &directory).unwrap(), model(&message(9, expected)));
        }
        let internal = model(&message(9, b"xyz"));
        assert_eq!(embed(&internal, &directory).unwrap(), internal);
    }

    #[test]
    fn locations_outside_the_directory_and_short_files_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("data"), b"abc").unwrap();
        for (entries, reason) in [
            (&[("location", "../data")][..], "is not a path within its directory"),
            (&[("location", "/etc/passwd")], "is not a path within its directory"),
            (&[], "its external weights have no `location`"),
            (&[("length", "1")], "its external weights have no `location`"),
            (&[("location", "none")], "cannot read"),
            (&[("location", "data"), ("length", "4")], "is truncated"),
            (&[("location", "data"), ("offset", "18446744073709551615"), ("length", "1")], "is truncated"),
            (&[("location", "data"), ("offset", "-1")], "is not a number"),
        ] {
            assert!(format::outline(&external(entries)).unwrap().refers_to_files, "{entries:?}");
            let error = embed(&external(entries), directory.path()).unwrap_err().to_string();
            assert!(error.contains(reason), "{entries:?}: {error}");
        }
    }
}
