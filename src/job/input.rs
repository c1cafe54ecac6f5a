//! Input patterns and the files that they match.

use std::path::{Path, PathBuf};

use crate::limits::INPUT_FILES_MAX;

/// A source of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file that is one document.
    File(PathBuf),
    /// A file with one JSON document per line.
    JsonLines(PathBuf),
    /// Standard input, with one JSON document per line.
    Stdin,
}

impl Input {
    /// Path of the source; `-` for standard input.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::JsonLines(path) => path,
            Self::Stdin => Path::new("-"),
        }
    }

    /// Returns whether this source is the file at `path`, also under another name of the same file.
    pub fn is_at(&self, path: &Path) -> bool {
        let canonical = |path: &Path| path.canonicalize().ok();
        !matches!(self, Self::Stdin)
            && canonical(path).is_some_and(|path| canonical(self.path()) == Some(path))
    }
}

/// Error of [`locate`].
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The pattern is malformed.
    #[error("`{pattern}` is not a valid glob pattern: {reason}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// Description of the syntax error.
        reason: String,
    },
    /// No file matches the pattern.
    #[error("`{0}` matches no file")]
    NoMatch(String),
    /// A directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The pattern matches more files than a job accepts.
    #[error("the input has more than {INPUT_FILES_MAX} files")]
    TooMany,
}

/// Returns the sources of a pattern, sorted by name: standard input for `-`; a file; a directory and everything in it,
/// recursively; or a glob pattern with `*`, `?`, `[…]` or `**`.
///
/// A file with the extension `.jsonl` or `.ndjson` has one document per line; any other file is one document. In
/// directories JSON-lines files are skipped, because there they contain metadata of the other files.
///
/// # Errors
/// [`InputError`], also if nothing matches.
pub fn locate(pattern: &Path) -> Result<Vec<Input>, InputError> {
    if pattern == Path::new("-") {
        return Ok(vec![Input::Stdin]);
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
    if inputs.is_empty() { Err(InputError::NoMatch(text.into_owned())) } else { Ok(inputs) }
}

/// Returns the sources for a list of patterns, in the order of the list.
///
/// # Errors
/// The error of the first pattern that has one.
pub fn locate_all(patterns: &[PathBuf]) -> Result<Vec<Input>, InputError> {
    let located: Result<Vec<Vec<Input>>, _> = patterns.iter().map(|pattern| locate(pattern)).collect();
    Ok(located?.concat())
}

/// Returns the deepest directory that contains everything that `pattern` can match.
pub fn directory_of(pattern: &Path) -> PathBuf {
    if pattern.is_dir() {
        return pattern.to_owned();
    }
    let parent = pattern.parent().unwrap_or(pattern);
    let is_literal =
        |part: &std::path::Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let directory: PathBuf = parent.components().take_while(is_literal).collect();
    if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory }
}

fn source(path: PathBuf) -> Input {
    let lines = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    if lines { Input::JsonLines(path) } else { Input::File(path) }
}

/// Collects the files in `directory` and its subdirectories, sorted by name. Hidden files are skipped.
fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), InputError> {
    let failed = |source| InputError::Directory { path: directory.to_owned(), source };
    let entries: Result<Vec<_>, _> = std::fs::read_dir(directory).map_err(failed)?.collect();
    let mut entries = entries.map_err(failed)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let file_type = entry.file_type().map_err(failed)?;
        match file_type {
            _ if hidden => {}
            _ if file_type.is_dir() => walk(&entry.path(), files)?,
            // Symbolic links to directories are not followed, because they may form a cycle.
            _ if file_type.is_file() || entry.path().is_file() => files.push(entry.path()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        root
    }

    fn names(root: &Path, inputs: &[Input]) -> Vec<String> {
        let name = |input: &Input| input.path().strip_prefix(root).unwrap().display().to_string();
        inputs.iter().map(name).collect()
    }

    #[test]
    fn a_directory_is_read_recursively_in_order_without_hidden_and_json_lines_files() {
        let root = tree(&["b.gif", "a/z.gif", "a/.hidden", "labels.jsonl", "c.gif"]);
        let inputs = locate(root.path()).unwrap();
        assert_eq!(names(root.path(), &inputs), ["a/z.gif", "b.gif", "c.gif"]);
    }

    #[test]
    fn patterns_keep_their_order_and_json_lines_are_read_by_line_if_named() {
        let root = tree(&["a.jsonl", "b.gif", "c.gif"]);
        let patterns = ["*.gif", "a.jsonl"].map(|pattern| root.path().join(pattern));
        let inputs = locate_all(&patterns).unwrap();
        assert_eq!(names(root.path(), &inputs), ["b.gif", "c.gif", "a.jsonl"]);
        assert_eq!(inputs[2], Input::JsonLines(root.path().join("a.jsonl")));
        assert_eq!(locate(Path::new("-")).unwrap(), [Input::Stdin]);
    }

    #[test]
    fn a_pattern_without_matches_or_with_a_syntax_error_is_reported() {
        let root = tree(&[]);
        let error = locate(&root.path().join("*.gif")).unwrap_err();
        assert!(matches!(error, InputError::NoMatch(_)), "{error}");
        assert!(matches!(locate(Path::new("a***")), Err(InputError::Pattern { .. })));
    }

    #[test]
    fn the_directory_of_a_pattern_ends_before_the_first_wildcard() {
        assert_eq!(directory_of(Path::new("clips/*/a.gif")), Path::new("clips"));
        assert_eq!(directory_of(Path::new("clips/a.gif")), Path::new("clips"));
        assert_eq!(directory_of(Path::new("*.gif")), Path::new("."));
    }
}
