//! Paths in flow files: they start where they stand.
//!
//! A relative path starts from the directory of the file that it is written in. When a variable supplies its
//! beginning it starts from the working directory, where the shell that set the variable would look. Files that must
//! exist are also looked for in the other of the two places, with a note, because Jina 0.x looked there.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, Report, Sources, Span};
use crate::yaml::{Origin, Scalar};

/// Where the path that `scalar` at `span` holds leads. `-` is standard input or output, wherever it stands.
pub(super) fn resolve(scalar: &Scalar, span: Span, sources: &Sources) -> PathBuf {
    if scalar.text == "-" {
        return PathBuf::from("-");
    }
    let (first, _) = places(scalar, span, sources);
    clean(&first)
}

/// As [`resolve`], for a file that must exist; `None` when it does not.
pub(super) fn find(scalar: &Scalar, span: Span, sources: &Sources, report: &mut Report) -> Option<PathBuf> {
    let (first, second) = places(scalar, span, sources);
    if first.is_file() {
        return Some(clean(&first));
    }
    if !second.is_file() {
        return None;
    }
    let where_found = match scalar.origin {
        Origin::File => "found from the working directory, not beside this file",
        Origin::Variable => "found beside this file, not from the working directory",
    };
    report.push(Diagnostic::at(
        Code::PathFromWorkingDirectory,
        span,
        format!("`{}` was {where_found}", scalar.written),
    ));
    Some(clean(&second))
}

/// Where to look first, and where then.
fn places(scalar: &Scalar, span: Span, sources: &Sources) -> (PathBuf, PathBuf) {
    let path = Path::new(&scalar.text);
    let beside = sources.directory(span.file).join(path);
    match scalar.origin {
        Origin::File => (beside, path.to_owned()),
        Origin::Variable => (path.to_owned(), beside),
    }
}

/// Without `./`, which joining leaves behind.
fn clean(path: &Path) -> PathBuf {
    let clean: PathBuf =
        path.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
    if clean.as_os_str().is_empty() { PathBuf::from(".") } else { clean }
}
