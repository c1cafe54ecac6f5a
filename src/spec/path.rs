//! Resolves paths in flow files.
//!
//! A relative path starts at the directory of the file that contains it. If a variable supplies the beginning of the
//! path, it starts at the working directory, like the shell that set the variable. Files that must exist are also
//! looked up at the other of the two, with a note, because Jina 0.x does so.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, Report, Sources, Span};
use crate::yaml::{Origin, Scalar};

/// Resolves the path in `scalar`, at `span`. `-`, for standard input or output, is returned unchanged.
pub(super) fn resolve(scalar: &Scalar, span: Span, sources: &Sources) -> PathBuf {
    if scalar.text == "-" {
        return PathBuf::from("-");
    }
    let (first, _) = candidates(scalar, span, sources);
    clean(&first)
}

/// Like [`resolve`], for a file that must exist; `None` when it does not.
pub(super) fn find(scalar: &Scalar, span: Span, sources: &Sources, report: &mut Report) -> Option<PathBuf> {
    let (first, second) = candidates(scalar, span, sources);
    if first.is_file() {
        return Some(clean(&first));
    }
    if !second.is_file() {
        return None;
    }
    let location = match scalar.origin {
        Origin::File => "in the working directory, not in the directory of this file",
        Origin::Variable => "in the directory of this file, not in the working directory",
    };
    let message = format!("`{}` was found {location}", scalar.written);
    report.push(Diagnostic::at(Code::PathFromWorkingDirectory, span, message));
    Some(clean(&second))
}

/// The two paths to look up, in this order.
fn candidates(scalar: &Scalar, span: Span, sources: &Sources) -> (PathBuf, PathBuf) {
    let path = Path::new(&scalar.text);
    let from_file = sources.directory(span.file).join(path);
    match scalar.origin {
        Origin::File => (from_file, path.to_owned()),
        Origin::Variable => (path.to_owned(), from_file),
    }
}

/// Removes the `./` that joining leaves in a path.
fn clean(path: &Path) -> PathBuf {
    let clean: PathBuf =
        path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}
