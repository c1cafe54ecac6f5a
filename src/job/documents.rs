//! From files to documents.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flowrun_sdk::{Document, guard};
use serde_json::Value;

use super::input::Input;
use crate::limits::LINE_BYTES_MAX;

/// A document, or why there is none where one should be.
pub(super) type Read = Result<Document, Unreadable>;

/// Input that is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The file, and the line if it has lines.
    pub(super) label: String,
    /// Why.
    pub(super) reason: String,
}

/// The documents of these sources, one source after the other, read as they are asked for.
///
/// With `contents`, a file's bytes are in its document.
pub(super) fn documents(inputs: Vec<Input>, contents: bool) -> impl Iterator<Item = Read> {
    inputs.into_iter().flat_map(move |input| -> Box<dyn Iterator<Item = Read>> {
        match input {
            Input::File(path) if contents => Box::new(std::iter::once(with_content(&path))),
            Input::File(path) => Box::new(std::iter::once(Ok(of_file(&path)))),
            Input::Standard => {
                Box::new(Lines::new(PathBuf::from("-"), Box::new(BufReader::new(io::stdin()))))
            }
            Input::Lines(path) => match File::open(&path) {
                Ok(file) => Box::new(Lines::new(path, Box::new(BufReader::new(file)))),
                Err(error) => Box::new(std::iter::once(Err(unreadable(&path, None, &error)))),
            },
        }
    })
}

/// The first documents of these sources, at most so many, with the bytes of files.
///
/// # Errors
/// What is wrong with the first of them that cannot be read.
pub fn first_documents(inputs: Vec<Input>, most: usize) -> Result<Vec<Document>, String> {
    let read = documents(inputs, true).take(most);
    read.map(|read| read.map_err(|bad| format!("{}: {}", bad.label, bad.reason))).collect()
}

fn unreadable(path: &Path, line: Option<usize>, reason: &dyn std::fmt::Display) -> Unreadable {
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    Unreadable { label: format!("{}{line}", path.display()), reason: reason.to_string() }
}

/// The document that a file is. Its content is left to the executors, which read it where there are many of them.
///
/// The id is where the file really is, so that indexing it again replaces it, by whichever path it was named.
fn of_file(path: &Path) -> Document {
    let uri = real_path(path).to_string_lossy().into_owned();
    let mime_type = mime_guess::from_path(path).first().map_or_else(String::new, |guess| guess.to_string());
    Document { mime_type, ..Document::new(uri.clone()).with_uri(uri) }
}

/// The same, with its content.
fn with_content(path: &Path) -> Read {
    let content = guard::read_file(path, guard::CONTENT_BYTES_MAX);
    content.map(|bytes| of_file(path).with_blob(bytes)).map_err(|error| unreadable(path, None, &error))
}

/// The path without links and detours; as it is where nothing is there.
fn real_path(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Reads a document from each line.
struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: usize,
}

impl Lines {
    fn new(path: PathBuf, reader: Box<dyn BufRead>) -> Self {
        Self { path, reader, line: 0 }
    }

    /// The document on a line.
    fn parse(&self, text: &[u8]) -> Result<Document, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        let mut document = Document::from_json(&value).map_err(|error| format!("not a document: {error}"))?;
        if document.id.is_empty() {
            document.id = format!("{}#{}", real_path(&self.path).display(), self.line);
            document.set_parent_ids();
        }
        Ok(document)
    }

    /// The next line; an error ends the source.
    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let most = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.reader).take(most).read_until(b'\n', &mut text)?;
        if read > LINE_BYTES_MAX {
            return Err(io::Error::other(format!("the line has more than {LINE_BYTES_MAX} bytes")));
        }
        Ok((read > 0).then_some(text))
    }
}

impl Iterator for Lines {
    type Item = Read;

    fn next(&mut self) -> Option<Read> {
        loop {
            self.line += 1;
            match self.read() {
                Ok(None) => return None,
                Ok(Some(text)) if text.trim_ascii().is_empty() => {}
                Ok(Some(text)) => {
                    let parsed = self.parse(&text);
                    return Some(parsed.map_err(|reason| unreadable(&self.path, Some(self.line), &reason)));
                }
                Err(error) => {
                    // What follows a line that cannot be read has no known beginning.
                    self.reader = Box::new(io::empty());
                    return Some(Err(unreadable(&self.path, Some(self.line), &error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_documents_and_bad_ones_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        std::fs::write(
            &path,
            "{\"id\": \"x\", \"text\": \"t\"}\n\n{\"text\": \"u\", \"chunks\": [{}]}\nnonsense\n[1]\n{\"id\": \"y\"}",
        )
        .unwrap();
        let read: Vec<Read> = documents(vec![Input::Lines(path.clone())], false).collect();
        let ids: Vec<&str> =
            read.iter().filter_map(|read| read.as_ref().ok()).map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["x", format!("{}#3", path.display()).as_str(), "y"]);
        let named = read.iter().filter_map(|read| read.as_ref().ok()).nth(1).unwrap();
        assert_eq!(named.chunks[0].parent_id, named.id);
        let labels: Vec<&str> =
            read.iter().filter_map(|read| read.as_ref().err()).map(|bad| bad.label.as_str()).collect();
        assert_eq!(labels, [format!("{}:4", path.display()), format!("{}:5", path.display())]);
    }

    #[test]
    fn a_file_is_a_document_named_by_its_absolute_path() {
        let document = of_file(Path::new("clips/a.gif"));
        assert!(Path::new(&document.id).is_absolute());
        assert_eq!((document.uri.as_str(), document.mime_type.as_str()), (document.id.as_str(), "image/gif"));
    }
}
