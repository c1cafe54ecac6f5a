//! Shared libraries that executors are in: `uses: ./libmine.so`, and `metas: {plugins: [./libmine.so]}`.

use std::path::PathBuf;

use super::executor::{ExecutorSpec, Uses};
use super::fields::Fields;
use super::path;
use super::reader::Reader;
use super::uses;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::yaml::{Node, Scalar};

/// A variable with directories that plugins may be in, a colon between them.
const DIRECTORIES_VARIABLE: &str = "FLOWRUN_PLUGINS";

/// A shared library that an executor may be in.
#[derive(Clone, Debug)]
pub struct LibrarySpec {
    /// Its file.
    pub path: PathBuf,
    /// As it is written; without a stroke it is looked for in the directories for plugins too.
    pub written: String,
    /// Where it stands.
    pub span: Span,
    /// The SHA-256 that it must have.
    pub sha256: Option<Spanned<String>>,
}

/// Whether a text names a library.
pub(super) fn is_library(text: &str) -> bool {
    text.ends_with(".so") || text.ends_with(".dylib")
}

impl ExecutorSpec {
    /// Whether it is the only executor of its library, whatever it is called.
    pub fn names_library_file(&self) -> bool {
        is_library(&self.class.value)
    }
}

/// The executor that is a library's only one.
pub(super) fn whole(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> Uses {
    let mut executor = uses::class(scalar.text.trim(), span, reader);
    if let Uses::Class(spec) = &mut executor {
        spec.libraries = vec![library(scalar, span, reader)];
    }
    executor
}

fn library(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> LibrarySpec {
    let found = path::find(scalar, span, reader.sources, reader.report);
    LibrarySpec {
        path: found.unwrap_or_else(|| path::resolve(scalar, span, reader.sources)),
        written: scalar.text.trim().to_owned(),
        span,
        sha256: None,
    }
}

/// The libraries of `metas:`, with their hashes.
pub(super) fn of_metas(metas: &Fields<'_>, reader: &mut Reader<'_>) -> Vec<LibrarySpec> {
    let node = metas.node("plugins");
    let items = node.map_or(&[][..], |node| node.sequence().unwrap_or(std::slice::from_ref(node)));
    let mut libraries: Vec<LibrarySpec> =
        items.iter().filter_map(|item| Some(library(item.scalar()?, item.span, reader))).collect();
    pin(&mut libraries, metas, reader);
    libraries
}

/// What `metas:` of a pod say of the libraries of its executor.
pub(super) fn over(spec: &mut ExecutorSpec, metas: &Fields<'_>, reader: &mut Reader<'_>) {
    match metas.node("plugins") {
        Some(_) => spec.libraries = of_metas(metas, reader),
        None => pin(&mut spec.libraries, metas, reader),
    }
}

/// Gives an executor's library the hash that its pod says.
pub(super) fn pin_of_pod(executor: &mut Uses, fields: &Fields<'_>, reader: &mut Reader<'_>) {
    match executor {
        Uses::Class(spec) => pin(&mut spec.libraries, fields, reader),
        _ => pin(&mut [], fields, reader),
    }
}

/// Reads `sha256`: a hash for each library.
fn pin(libraries: &mut [LibrarySpec], fields: &Fields<'_>, reader: &mut Reader<'_>) {
    let (Some(hashes), Some(span)) = (fields.texts("sha256"), fields.key_span("sha256")) else { return };
    if hashes.len() != libraries.len() {
        let message = format!("`sha256` has {} for {} plugins", hashes.len(), libraries.len());
        let help = "write one for each library, in the same order: `flowrun plugin check FILE` prints it";
        reader.report.push(Diagnostic::at(Code::WrongType, span, message).help(help));
        return;
    }
    for (library, hash) in libraries.iter_mut().zip(hashes) {
        if hash.len() != 64 || !hash.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let message = format!("`{}` is no SHA-256: that has 64 hexadecimal digits", hash.value);
            reader.report.push(Diagnostic::at(Code::WrongType, hash.span, message));
        }
        library.sha256 = Some(hash.map(str::to_owned));
    }
}

/// The directories that plugins may be in, beside that of the flow: the flow's own, and those of the environment.
pub(super) fn directories(node: Option<&Node>, reader: &Reader<'_>) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = reader.paths(node).into_iter().map(|path| path.value).collect();
    let variable = reader.environment.variable(DIRECTORIES_VARIABLE).unwrap_or_default();
    directories.extend(std::env::split_paths(variable).filter(|path| !path.as_os_str().is_empty()));
    directories
}
