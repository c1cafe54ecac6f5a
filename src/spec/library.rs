//! Shared libraries that contain executors: `uses: ./libmine.so`, and `metas: {plugins: [./libmine.so]}`.
//!
//! Reads paths and hashes only; a library is opened by a later stage.

use std::path::PathBuf;

use super::executor::{ExecutorSpec, LibrarySpec, Uses};
use super::fields::Fields;
use super::keys::{PLUGINS, SHA256};
use super::path;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::yaml::{Node, Scalar};

/// Environment variable with plugin directories, separated by colons.
const DIRECTORIES_VARIABLE: &str = "FLOWRUN_PLUGINS";

/// The only executor of the library at the path `scalar`.
pub(super) fn whole(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> Uses {
    let path = library_path(scalar, span, reader);
    at(path, scalar, span, reader)
}

/// The only executor of the library at `path`, which `scalar` names.
pub(super) fn at(path: PathBuf, scalar: &Scalar, span: Span, reader: &Reader<'_>) -> Uses {
    let mut spec = ExecutorSpec::of_class(scalar.text.trim(), span, reader.directory(span));
    spec.libraries = vec![library(path, scalar, span)];
    Uses::Class(Box::new(spec))
}

fn library(path: PathBuf, scalar: &Scalar, span: Span) -> LibrarySpec {
    LibrarySpec { path, written: scalar.text.trim().to_owned(), span, sha256: None }
}

fn library_path(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> PathBuf {
    let found = path::find(scalar, span, reader.sources, reader.report);
    found.unwrap_or_else(|| path::resolve(scalar, span, reader.sources))
}

/// The libraries in `metas:`, with their hashes.
pub(super) fn of_metas(metas: &Fields<'_>, reader: &mut Reader<'_>) -> Vec<LibrarySpec> {
    let items = metas.node(&PLUGINS).map(Node::items).unwrap_or_default();
    let mut read = |item: &Node| {
        let scalar = item.scalar()?;
        Some(library(library_path(scalar, item.span, reader), scalar, item.span))
    };
    let mut libraries: Vec<LibrarySpec> = items.iter().filter_map(&mut read).collect();
    pin(&mut libraries, metas, reader);
    libraries
}

/// Applies a pod's `uses_metas`, which override the executor's own libraries or their hashes.
pub(super) fn override_with(spec: &mut ExecutorSpec, metas: &Fields<'_>, reader: &mut Reader<'_>) {
    match metas.node(&PLUGINS) {
        Some(_) => spec.libraries = of_metas(metas, reader),
        None => pin(&mut spec.libraries, metas, reader),
    }
}

/// Applies a pod's `sha256` to the library of its executor.
pub(super) fn pin_for_pod(executor: &mut Uses, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    match executor {
        Uses::Class(spec) => pin(&mut spec.libraries, fields, reader),
        _ => pin(&mut [], fields, reader),
    }
}

/// Reads `sha256`: one hash per library.
fn pin(libraries: &mut [LibrarySpec], fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let (Some(hashes), Some(span)) = (fields.get(&SHA256), fields.key_span(&SHA256)) else { return };
    if hashes.len() != libraries.len() {
        let message =
            format!("`sha256` has {} hashes, but there are {} plugins", hashes.len(), libraries.len());
        let help = "write one hash per library, in the same order: `flowrun plugin check FILE` prints it";
        reader.report.push(Diagnostic::at(Code::WrongType, span, message).help(help));
        return;
    }
    for (library, hash) in libraries.iter_mut().zip(hashes) {
        if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let message = format!("`{}` is not a SHA-256: it must have 64 hexadecimal digits", hash.value);
            reader.report.push(Diagnostic::at(Code::WrongType, hash.span, message));
        }
        library.sha256 = Some(hash.map(str::to_owned));
    }
}

/// Plugin directories in addition to the flow's own: those in `node`, then those in the environment.
pub(super) fn directories(node: Option<&Node>, reader: &Reader<'_>) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = reader.paths(node).into_iter().map(|path| path.value).collect();
    let variable = reader.environment.variable(DIRECTORIES_VARIABLE).unwrap_or_default();
    directories.extend(std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()));
    directories
}
