//! Reads documents from files and JSON lines.
//!
//! Reading is lazy: a document is read when the iterator is advanced. An unreadable file or line becomes an error of its
//! own; the remaining ones are read anyway.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use flowrun_sdk::{Document, guard};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::count::counted;
use super::done_documents::DoneDocuments;
use super::input::{Input, has_extension};
use super::part::Part;
use super::position::{FileVersion, Position};
use crate::limits::LINE_BYTES_MAX;

/// Name of standard input, in labels and ids.
const STDIN: &str = "-";

/// Result of reading one document.
pub(super) type ReadResult = Result<Document, ReadError>;

/// A document and its position; `None` if it cannot be recorded in a checkpoint.
pub(super) type ReadDocument = (Document, Option<Position>);

/// The documents of the input that are read: those of one part that have not succeeded in earlier runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// The part; `None` for the whole input.
    pub(super) part: Option<Part>,
    /// Documents that succeeded.
    pub(super) done: Arc<DoneDocuments>,
}

impl Selection {
    fn is_in_part(&self, path: &Path, line: Option<u64>) -> bool {
        self.part.is_none_or(|part| part.contains(path, line))
    }

    /// The position of a file; `None` if it is not read.
    fn file(&self, path: &Path) -> Option<Option<Position>> {
        if !self.is_in_part(path, None) {
            return None;
        }
        // Taken before the content is read: a file that changes meanwhile has another version at the next run.
        let version = FileVersion::of(path);
        let absolute = canonical_path(path).into_os_string().into_string().ok();
        match (absolute, version) {
            (Some(path), Some(version)) if self.done.contains_file(&path, version) => None,
            (Some(path), Some(version)) => Some(Some(Position::File { path, version })),
            _ => Some(None),
        }
    }
}

/// A file or line that is not a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadError {
    /// `FILE`, or `FILE:LINE` in JSON lines.
    pub(super) label: String,
    /// Description of the error.
    pub(super) reason: String,
}

/// Iterates over the selected documents of all inputs, in the order of the inputs.
///
/// With `embed_content`, a file's document contains the bytes of the file.
pub(super) fn documents(
    inputs: Vec<Input>,
    embed_content: bool,
    selection: Selection,
) -> impl Iterator<Item = Result<ReadDocument, ReadError>> {
    inputs.into_iter().flat_map(move |input| -> Box<dyn Iterator<Item = Result<ReadDocument, ReadError>>> {
        let lines = |path: PathBuf, reader: Box<dyn BufRead>| {
            Box::new(LineReader::new(path, reader, selection.clone()))
        };
        match input {
            Input::File(path) => Box::new(selection.file(&path).into_iter().map(move |position| {
                let read = if embed_content { file_with_content(&path) } else { file_document(&path) };
                read.map(|document| (document, position))
            })),
            Input::Stdin => lines(PathBuf::from(STDIN), Box::new(BufReader::new(io::stdin()))),
            Input::JsonLines(path) => match File::open(&path) {
                Ok(file) if has_extension(&path, &["gz"]) => {
                    let content = MultiGzDecoder::new(BufReader::new(file));
                    lines(path, Box::new(BufReader::new(content)))
                }
                Ok(file) => lines(path, Box::new(BufReader::new(file))),
                Err(error) => Box::new(std::iter::once(Err(read_error(&path, None, &error)))),
            },
        }
    })
}

/// Reads the first `max` documents of the inputs, with the content of files.
///
/// # Errors
/// `LABEL: REASON` of the first document that cannot be read.
pub fn first_documents(inputs: Vec<Input>, max: usize) -> Result<Vec<Document>, String> {
    let read = documents(inputs, true, Selection::default()).take(max);
    let described = |error: ReadError| format!("{}: {}", error.label, error.reason);
    read.map(|read| read.map(|(document, _)| document).map_err(described)).collect()
}

fn read_error(path: &Path, line: Option<u64>, reason: &dyn std::fmt::Display) -> ReadError {
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    ReadError { label: format!("{}{line}", path.display()), reason: reason.to_string() }
}

/// Creates the document of a file, without its content: executors read that, in parallel.
///
/// The id is the canonical path, so that indexing the file again replaces it, whichever path names it.
fn file_document(path: &Path) -> ReadResult {
    let uri = canonical_path(path).into_os_string().into_string();
    let uri = uri.map_err(|_| read_error(path, None, &"the file name is not UTF-8; rename the file"))?;
    let mime_type = mime_guess::from_path(path).first().map_or_else(String::new, |guess| guess.to_string());
    Ok(Document { mime_type, ..Document::new(uri.clone()).with_uri(uri) })
}

/// Creates the document of a file, with its content as the blob.
fn file_with_content(path: &Path) -> ReadResult {
    let document = file_document(path)?;
    let content = guard::read_file(path, guard::CONTENT_BYTES_MAX);
    content.map(|bytes| document.with_blob(bytes)).map_err(|error| read_error(path, None, &error))
}

/// Resolves symbolic links and `..`; a path that does not exist is only made absolute.
fn canonical_path(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Reads a JSON document from each selected line; empty lines are skipped.
struct LineReader {
    path: PathBuf,
    /// The path in checkpoints; `None` if it is not UTF-8.
    absolute: Option<Arc<str>>,
    reader: Box<dyn BufRead>,
    line: u64,
    selection: Selection,
}

impl LineReader {
    fn new(path: PathBuf, reader: Box<dyn BufRead>, selection: Selection) -> Self {
        let absolute = match path == Path::new(STDIN) {
            true => Some(STDIN.into()),
            false => canonical_path(&path).to_str().map(Arc::from),
        };
        Self { path, absolute, reader, line: 0, selection }
    }

    /// The position of the current line; `None` if it is not read.
    ///
    /// # Errors
    /// If the line is the last one that succeeded, with another text.
    fn selected(&self, text: &[u8]) -> Result<Option<Option<Position>>, ReadError> {
        let Some(path) = &self.absolute else {
            return Ok(self.selection.is_in_part(&self.path, Some(self.line)).then_some(None));
        };
        let hash = xxh3_64(text.trim_ascii_end());
        if let Some(done) = self.selection.done.lines_of(path) {
            if done.differs(self.line, hash) {
                let reason = "the line is not the one that was processed before: the file was changed; delete the checkpoint \
                              to process all lines";
                return Err(read_error(&self.path, Some(self.line), &reason));
            }
            if done.contains(self.line) {
                return Ok(None);
            }
        }
        let position = || Some(Position::Line { path: Arc::clone(path), line: self.line, hash });
        Ok(self.selection.is_in_part(&self.path, Some(self.line)).then(position))
    }

    fn parse(&self, text: &[u8]) -> Result<Document, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))?;
        let mut document = Document::from_json(&value).map_err(|error| format!("not a document: {error}"))?;
        if document.id.is_empty() {
            let source = match self.path == Path::new(STDIN) {
                true => self.path.clone(),
                false => canonical_path(&self.path),
            };
            document.id = format!("{}#{}", source.display(), self.line);
            document.set_parent_ids();
        }
        Ok(document)
    }

    /// At the end of the source: the error if lines that succeeded before are missing. The lines that are there then are others,
    /// and were skipped.
    fn missing_lines(&self) -> Option<ReadError> {
        let done = self.selection.done.lines_of(self.absolute.as_ref()?)?;
        (done.last_line() >= self.line).then(|| {
            let reason = format!(
                "the file has {}, but line {} was processed before: the file was changed; delete the checkpoint to \
                 process all lines",
                counted(self.line - 1, "line"),
                done.last_line()
            );
            read_error(&self.path, None, &reason)
        })
    }

    /// Ends the source with an error.
    fn end(&mut self, error: ReadError) -> Option<Result<ReadDocument, ReadError>> {
        self.reader = Box::new(io::empty());
        self.selection = Selection::default();
        Some(Err(error))
    }

    /// Reads the next line; `None` at the end of the source.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let max = LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.reader).take(max).read_until(b'\n', &mut text)?;
        if self.line == 1 {
            text = guard::without_byte_order_mark(&text).to_owned();
        }
        if read > LINE_BYTES_MAX {
            return Err(io::Error::other(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok((read > 0).then_some(text))
    }
}

impl Iterator for LineReader {
    type Item = Result<ReadDocument, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line += 1;
            match self.read_line() {
                Ok(None) => return self.missing_lines().and_then(|error| self.end(error)),
                Ok(Some(text)) if text.trim_ascii().is_empty() => {}
                Ok(Some(text)) => match self.selected(&text) {
                    Ok(None) => {}
                    Ok(Some(position)) => {
                        let parsed = self.parse(&text).map(|document| (document, position));
                        return Some(
                            parsed.map_err(|reason| read_error(&self.path, Some(self.line), &reason)),
                        );
                    }
                    Err(error) => return self.end(error),
                },
                // The start of the next line is unknown, so the source ends here.
                Err(error) => return self.end(read_error(&self.path, Some(self.line), &error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// All documents of the inputs, without their positions.
    fn documents(inputs: Vec<Input>, embed_content: bool) -> impl Iterator<Item = ReadResult> {
        let read = super::documents(inputs, embed_content, Selection::default());
        read.map(|read| read.map(|(document, _)| document))
    }

    #[test]
    fn each_line_is_a_document_and_errors_name_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        std::fs::write(
            &path,
            "{\"id\": \"x\", \"text\": \"t\"}\n\n{\"text\": \"u\", \"chunks\": [{}]}\nnonsense\n[1]\n{\"id\": \"y\"}",
        )
        .unwrap();
        let read: Vec<ReadResult> = documents(vec![Input::JsonLines(path.clone())], false).collect();
        let ids: Vec<&str> =
            read.iter().filter_map(|read| read.as_ref().ok()).map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["x", format!("{}#3", path.display()).as_str(), "y"]);
        let generated = read.iter().filter_map(|read| read.as_ref().ok()).nth(1).unwrap();
        assert_eq!(generated.chunks[0].parent_id, generated.id);
        let labels: Vec<&str> =
            read.iter().filter_map(|read| read.as_ref().err()).map(|error| error.label.as_str()).collect();
        assert_eq!(labels, [format!("{}:4", path.display()), format!("{}:5", path.display())]);
    }

    #[test]
    fn json_lines_may_begin_with_a_byte_order_mark_or_be_compressed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl.gz");
        let text = "\u{feff}{\"id\": \"x\", \"title\": \"t\"}\n{\"id\": \"y\"}\n";
        let mut encoder =
            flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap();
        let plain = directory.path().join("a.jsonl");
        std::fs::write(&plain, text).unwrap();
        for path in [path, plain] {
            let read: Vec<Document> =
                documents(vec![Input::JsonLines(path)], false).collect::<Result<_, _>>().unwrap();
            assert_eq!((read[0].id.as_str(), read[1].id.as_str()), ("x", "y"));
            assert_eq!(read[0].tags["title"], "t");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_name_that_is_not_utf_8_is_a_failed_document() {
        use std::os::unix::ffi::OsStrExt as _;

        let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"/nowhere/n\xe9.txt"));
        for embed_content in [false, true] {
            let read: Vec<ReadResult> = documents(vec![Input::File(path.clone())], embed_content).collect();
            assert!(matches!(&read[..], [Err(error)] if error.reason.contains("UTF-8")), "{read:?}");
        }
    }

    #[test]
    fn ids_of_documents_from_standard_input_name_no_directory() {
        let text: &[u8] = b"{\"text\": \"a\"}\n";
        let mut reader = LineReader::new(PathBuf::from(STDIN), Box::new(text), Selection::default());
        assert_eq!(reader.next().unwrap().unwrap().0.id, "-#1");
    }

    #[test]
    fn the_id_of_a_file_is_its_absolute_path() {
        let document = file_document(Path::new("clips/a.gif")).unwrap();
        assert!(Path::new(&document.id).is_absolute());
        assert_eq!((document.uri.as_str(), document.mime_type.as_str()), (document.id.as_str(), "image/gif"));
    }
}
