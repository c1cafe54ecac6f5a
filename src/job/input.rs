//! From what the user names to the files that are meant.

use std::path::{Path, PathBuf};

use crate::limits::INPUT_FILES_MAX;

/// A source of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file that is one document.
    File(PathBuf),
    /// A file with a document on each line, as JSON.
    Lines(PathBuf),
    /// Standard input, with a document on each line, as JSON.
    Standard,
}

impl Input {
    /// Where it is; `-` for standard input.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Lines(path) => path,
            Self::Standard => Path::new("-"),
        }
    }

    /// Whether it is the file at `path`, by whatever names.
    pub fn is_at(&self, path: &Path) -> bool {
        let canonical = |path: &Path| path.canonicalize().ok();
        !matches!(self, Self::Standard)
            && canonical(path).is_some_and(|path| canonical(self.path()) == Some(path))
    }
}

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The pattern is malformed.
    #[error("`{pattern}` is not a pattern: {reason}")]
    Pattern {
        /// As given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is there.
    #[error("`{0}` matches no file")]
    Nothing(String),
    /// A directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More than a job takes.
    #[error("there are more than {INPUT_FILES_MAX} files")]
    TooMany,
}

/// The sources that `pattern` means: `-` standard input; a file; a directory and everything beneath it; a pattern with
/// `*`, `?`, `[…]` or `**`. In the order of their names.
///
/// A file whose name ends in `.jsonl` or `.ndjson` has a document on each line; every other file is one document. In
/// directories the former are left out: there they are data about the files beside them.
///
/// # Errors
/// [`InputError`] when nothing is there.
pub fn locate(pattern: &Path) -> Result<Vec<Input>, InputError> {
    if pattern == Path::new("-") {
        return Ok(vec![Input::Standard]);
    }
    let text = pattern.to_string_lossy();
    let inputs = if pattern.is_file() {
        vec![source(pattern.to_owned())]
    } else if pattern.is_dir() {
        let mut files = Vec::new();
        walk(pattern, &mut files)?;
        files.into_iter().map(source).filter(|input| matches!(input, Input::File(_))).collect()
    } else {
        matching(&text)?
    };
    if inputs.is_empty() { Err(InputError::Nothing(text.into_owned())) } else { Ok(inputs) }
}

/// The directory that everything `pattern` can match is beneath.
pub fn directory_of(pattern: &Path) -> PathBuf {
    if pattern.is_dir() {
        return pattern.to_owned();
    }
    let parent = pattern.parent().unwrap_or(pattern);
    let plain =
        |part: &std::path::Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let directory: PathBuf = parent.components().take_while(plain).collect();
    if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory }
}

fn source(path: PathBuf) -> Input {
    let lines = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    if lines { Input::Lines(path) } else { Input::File(path) }
}

/// The files beneath `directory`, in the order of their names; hidden ones are left out.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let failed = |source| InputError::Directory { path: directory.to_owned(), source };
    let entries: Result<Vec<_>, _> = std::fs::read_dir(directory).map_err(failed)?.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().map_err(failed)?;
        match kind {
            _ if hidden => {}
            kind if kind.is_dir() => walk(&entry.path(), files)?,
            // A link to a directory is not followed: it may lead back here.
            kind if kind.is_file() || entry.path().is_file() => files.push(entry.path()),
            _ => {}
        }
        if files.len() > INPUT_FILES_MAX {
            return Err(InputError::TooMany);
        }
    }
    Ok(())
}

fn matching(pattern: &str) -> Result<Vec<Input>, InputError> {
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
    let paths = glob::glob_with(pattern, options)
        .map_err(|error| InputError::Pattern { pattern: pattern.to_owned(), reason: error.msg.to_owned() })?;
    let files: Vec<PathBuf> =
        paths.filter_map(Result::ok).filter(|path| path.is_file()).take(INPUT_FILES_MAX + 1).collect();
    if files.len() > INPUT_FILES_MAX {
        return Err(InputError::TooMany);
    }
    Ok(files.into_iter().map(source).collect())
}
