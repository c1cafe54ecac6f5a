//! Input patterns and the files that they match.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flowrun_sdk::guard;

use super::glob;
use super::include::Include;
use crate::limits::INPUT_FILES_MAX;

/// Bytes of a file that are enough to recognise a JSON array of objects.
const START_BYTES: u64 = 1024;

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

    /// True if this source is the file at `path`, also if one of the paths is a symbolic link to it.
    pub fn is_at(&self, path: &Path) -> bool {
        let canonical = |path: &Path| path.canonicalize().ok();
        !matches!(self, Self::Stdin)
            && canonical(path).is_some_and(|path| canonical(self.path()) == Some(path))
    }
}

/// Sources of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    /// The sources, sorted by name.
    pub inputs: Vec<Input>,
    /// Number of files that were found and skipped: files that `include` does not select, and JSON-lines files in directories.
    pub skipped: usize,
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
    /// A directory contains only JSON-lines files.
    #[error(
        "`{}` has only JSON-lines files, which are not read in directories; write `{}` to read their documents",
        directory.display(),
        directory.join("*.jsonl").display()
    )]
    OnlyJsonLines {
        /// The directory.
        directory: PathBuf,
    },
    /// A file is a JSON array of objects, not JSON lines.
    #[error(
        "`{path}` is a JSON array, not JSON lines; convert it with `jq -c '.[]' {path} > {}`, or name its directory to \
         read it as a file",
        path.with_extension("jsonl").display(),
        path = path.display()
    )]
    JsonArray {
        /// The file.
        path: PathBuf,
    },
    /// A directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// No file that matches the pattern is included.
    #[error("`include` selects none of the {skipped} files of `{pattern}`")]
    NoneIncluded {
        /// The pattern as given.
        pattern: String,
        /// Number of files that match the pattern.
        skipped: usize,
    },
    /// The pattern matches more files than a job accepts.
    #[error("the input has more than {INPUT_FILES_MAX} files")]
    TooMany,
}

/// Returns the sources of a pattern: standard input for `-`; a file; a directory and everything in it, recursively; or a
/// glob pattern with `*`, `?`, `[…]` or `**`. A file of a directory or glob pattern is a source only if `include` selects it.
///
/// A file with the extension `.jsonl` or `.ndjson` (case-insensitive), also followed by `.gz`, has one document per line; any
/// other file is one document. In directories JSON-lines files are skipped, because there they contain metadata of the
/// other files. Names need not be UTF-8.
///
/// # Errors
/// [`InputError`], also if nothing matches.
pub fn locate(pattern: &Path, include: &Include) -> Result<Located, InputError> {
    if pattern == Path::new("-") {
        return Ok(Located { inputs: vec![Input::Stdin], skipped: 0 });
    }
    if pattern.is_file() {
        reject_json_array(pattern)?;
        return Ok(Located { inputs: vec![source(pattern.to_owned())], skipped: 0 });
    }
    let text = || pattern.to_string_lossy().into_owned();
    let found = if pattern.is_dir() { in_directory(pattern)? } else { matching(pattern)? };
    if found.inputs.is_empty() {
        return Err(InputError::NoMatch(text()));
    }
    let count = found.inputs.len();
    let inputs: Vec<Input> = found.inputs.into_iter().filter(|input| include.selects(input.path())).collect();
    match inputs.is_empty() {
        true => Err(InputError::NoneIncluded { pattern: text(), skipped: count }),
        false => Ok(Located { skipped: found.skipped + count - inputs.len(), inputs }),
    }
}

/// The files in `directory` without JSON lines.
fn in_directory(directory: &Path) -> Result<Located, InputError> {
    let mut files = Vec::new();
    walk(directory, &mut files)?;
    let count = files.len();
    let inputs: Vec<Input> =
        files.into_iter().map(source).filter(|input| matches!(input, Input::File(_))).collect();
    if inputs.is_empty() && count > 0 {
        return Err(InputError::OnlyJsonLines { directory: directory.to_owned() });
    }
    Ok(Located { skipped: count - inputs.len(), inputs })
}

/// Rejects a `.json` file that begins like an array of objects: it is meant as documents, not as one file.
fn reject_json_array(path: &Path) -> Result<(), InputError> {
    if !has_extension(path, &["json"]) {
        return Ok(());
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START_BYTES).read_to_end(&mut start));
    let text = guard::without_byte_order_mark(&start).trim_ascii_start();
    let in_array = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    match read.is_ok() && in_array.is_some_and(|item| item.starts_with(b"{")) {
        true => Err(InputError::JsonArray { path: path.to_owned() }),
        false => Ok(()),
    }
}

/// Returns the sources for a list of patterns, in the order of the list.
///
/// # Errors
/// The error of the first pattern that has one.
pub fn locate_all(patterns: &[PathBuf]) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for pattern in patterns {
        inputs.extend(locate(pattern, &Include::default())?.inputs);
    }
    Ok(inputs)
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
    let is_gzip = has_extension(&path, &["gz"]);
    let name = if is_gzip { path.with_extension("") } else { path.clone() };
    if has_extension(&name, &["jsonl", "ndjson"]) { Input::JsonLines(path) } else { Input::File(path) }
}

/// True if the extension of `path` is one of these (case-insensitive).
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|own| extensions.iter().any(|extension| own.eq_ignore_ascii_case(extension)))
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

fn matching(pattern: &Path) -> Result<Located, InputError> {
    let files = glob::files(pattern, INPUT_FILES_MAX + 1).map_err(|reason| InputError::Pattern {
        pattern: pattern.to_string_lossy().into_owned(),
        reason: reason.to_owned(),
    })?;
    if files.len() > INPUT_FILES_MAX {
        return Err(InputError::TooMany);
    }
    Ok(Located { inputs: files.into_iter().map(source).collect(), skipped: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(pattern: &Path) -> Result<Vec<Input>, InputError> {
        super::locate(pattern, &Include::default()).map(|located| located.inputs)
    }

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
    fn files_that_are_not_included_are_counted_as_skipped() {
        let root = tree(&["a.jpg", "b/c.png", "b/Thumbs.db", "clip.mp4", "labels.jsonl"]);
        let include = |rules: &[&str]| Include::parse(rules.iter().copied()).unwrap();
        let located = super::locate(root.path(), &include(&["image/*"])).unwrap();
        assert_eq!(
            (names(root.path(), &located.inputs), located.skipped),
            (vec!["a.jpg".into(), "b/c.png".into()], 3)
        );
        let located = super::locate(&root.path().join("*.*"), &include(&["!*.mp4"])).unwrap();
        assert_eq!((located.inputs.len(), located.skipped), (2, 1));
        // A file that is named is read.
        let clip = root.path().join("clip.mp4");
        assert_eq!(super::locate(&clip, &include(&["image/*"])).unwrap().inputs, [Input::File(clip)]);
        let error = super::locate(root.path(), &include(&["audio/*"])).unwrap_err().to_string();
        assert!(error.starts_with("`include` selects none of the 4 files of "), "{error}");
    }

    #[test]
    fn json_lines_are_recognised_in_any_case_and_compressed() {
        for name in ["a.JSONL", "a.Ndjson", "a.jsonl.gz", "a.NDJSON.GZ"] {
            assert_eq!(source(PathBuf::from(name)), Input::JsonLines(PathBuf::from(name)));
        }
        for name in ["a.json", "a.gz", "jsonl", "a.jsonl.txt"] {
            assert_eq!(source(PathBuf::from(name)), Input::File(PathBuf::from(name)));
        }
    }

    #[test]
    fn a_named_json_array_is_rejected_with_what_to_type() {
        let root = tree(&["a.json", "b.json"]);
        std::fs::write(root.path().join("a.json"), "\u{feff} [ {\"id\": \"a\"}]").unwrap();
        let error = locate(&root.path().join("a.json")).unwrap_err().to_string();
        assert!(error.contains("jq -c") && error.contains("a.jsonl"), "{error}");
        assert_eq!(locate(&root.path().join("b.json")).unwrap().len(), 1);
        assert_eq!(locate(root.path()).unwrap().len(), 2);
    }

    #[test]
    fn a_directory_of_json_lines_only_is_reported_with_what_to_type() {
        let root = tree(&["a.jsonl", "b/c.JSONL"]);
        let error = locate(root.path()).unwrap_err();
        assert!(matches!(error, InputError::OnlyJsonLines { .. }), "{error}");
        assert!(error.to_string().contains("/*.jsonl` to read"), "{error}");
        assert!(matches!(locate(tree(&[]).path()), Err(InputError::NoMatch(_))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf_8_are_located() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let root = tree(&["good.txt"]);
        let bad = root.path().join(OsStr::from_bytes(b"n\xe9.txt"));
        std::fs::write(&bad, "x").unwrap();
        assert_eq!(names(root.path(), &locate(&root.path().join("g*.txt")).unwrap()), ["good.txt"]);
        for pattern in ["*.txt", "n?.txt", "**/*", "."] {
            let inputs = locate(&root.path().join(pattern)).unwrap();
            assert!(inputs.contains(&Input::File(bad.clone())), "{pattern}: {inputs:?}");
        }
        assert_eq!(locate(&bad).unwrap(), [Input::File(bad.clone())]);
        // The pattern itself need not be UTF-8 either.
        std::fs::create_dir(root.path().join(OsStr::from_bytes(b"d\xe9"))).unwrap();
        let inside = root.path().join(OsStr::from_bytes(b"d\xe9/a.txt"));
        std::fs::write(&inside, "x").unwrap();
        let pattern = root.path().join(OsStr::from_bytes(b"d\xe9/*.txt"));
        assert_eq!(locate(&pattern).unwrap(), [Input::File(inside)]);
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
