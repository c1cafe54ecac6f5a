//! Source files and locations in them.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::variable_texts::VariableTexts;

/// One of the files in a [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A location: bytes `start..end` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A value and its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its location.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value` at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Applies `change` to the value and keeps the location.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The content of a file.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: Arc<str>,
    /// The byte at which each line starts.
    lines: Vec<usize>,
}

/// The files read so far. Spans refer to them.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Values of variables in the files.
    pub variables: VariableTexts,
}

impl Sources {
    /// Adds a file that was read from `path`.
    pub fn add(&mut self, path: &Path, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { path: path.to_owned(), text, lines });
        id
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }

    /// The path that the file was read from, as requested.
    pub fn path(&self, file: FileId) -> &Path {
        self.get(file).map_or(Path::new(""), |source| &source.path)
    }

    /// The base directory of relative paths in the file.
    pub fn directory(&self, file: FileId) -> &Path {
        match self.path(file).parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// The text of the file.
    pub fn text(&self, file: FileId) -> Arc<str> {
        self.get(file).map_or_else(|| "".into(), |source| Arc::clone(&source.text))
    }

    /// The span of the whole file.
    pub fn whole(&self, file: FileId) -> Span {
        Span { file, start: 0, end: self.text(file).len() }
    }

    /// The text at `span`.
    pub fn slice(&self, span: Span) -> &str {
        self.get(span.file).and_then(|source| source.text.get(span.start..span.end)).unwrap_or_default()
    }

    /// The line and column at which `span` starts.
    pub fn position(&self, span: Span) -> Position {
        let Some(source) = self.get(span.file) else { return Position { line: 1, column: 1 } };
        let line = source.lines.partition_point(|&start| start <= span.start).max(1);
        let line_start = source.lines.get(line - 1).copied().unwrap_or(0);
        let before = source.text.get(line_start..span.start).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }

    /// `span` without trailing white space, which the span of a YAML block includes.
    pub fn trimmed(&self, span: Span) -> Span {
        Span { end: span.start + self.slice(span).trim_end().len(), ..span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add(Path::new("a/flow.yml"), "a: 1\n\"ä\": x\n");
        let at = |start| sources.position(Span { file, start, end: start });
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(4), Position { line: 1, column: 5 });
        assert_eq!(at(5), Position { line: 2, column: 1 });
        assert_eq!(at(11), Position { line: 2, column: 6 });
        assert_eq!(at(13), Position { line: 3, column: 1 });
        assert_eq!(sources.directory(file), Path::new("a"));
    }
}
