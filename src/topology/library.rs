//! Finds executors in shared libraries (plugins). Libraries are opened and checked; none of their code is executed.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, ExecutorType, LibraryError, LibraryFault, LibraryRequest};

use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};
use crate::limits::PLUGINS_SEARCHED_MAX;
use crate::spec::{ExecutorSpec, LibrarySpec};

/// Directories of a flow's plugins.
pub(super) struct SearchPath<'a> {
    /// Directories that are searched for plugins.
    pub(super) directories: &'a [PathBuf],
    /// Directories that may contain libraries: `directories`, and the directory of the flow file. Libraries outside of them
    /// are rejected.
    pub(super) roots: Vec<PathBuf>,
}

/// An executor found in a library.
pub(super) struct FoundLibrary {
    pub(super) executor_type: ExecutorType,
    /// The library's file.
    pub(super) path: PathBuf,
}

/// The diagnostic code of a library's fault.
pub(crate) fn fault_code(fault: LibraryFault) -> Code {
    match fault {
        LibraryFault::Unreadable => Code::UnresolvedExecutor,
        LibraryFault::NotALibrary => Code::PluginNotALibrary,
        LibraryFault::Truncated => Code::PluginTruncated,
        LibraryFault::WrongMachine => Code::PluginWrongMachine,
        LibraryFault::NoNote => Code::PluginWithoutNote,
        LibraryFault::WrongVersion => Code::PluginWrongVersion,
        LibraryFault::NoSymbol => Code::PluginWithoutSymbol,
        LibraryFault::WrongHash => Code::PluginWrongHash,
        LibraryFault::Outside => Code::PluginOutside,
        LibraryFault::LinkOutside => Code::PluginLinkOutside,
        LibraryFault::WorldWritable => Code::PluginWorldWritable,
        LibraryFault::DuplicateName => Code::PluginDuplicateName,
        LibraryFault::NotLoaded => Code::PluginNotLoaded,
        LibraryFault::InitNull => Code::PluginNull,
        LibraryFault::InitPanicked => Code::PluginPanicked,
        LibraryFault::InitHung => Code::PluginHung,
    }
}

fn library_diagnostic(error: &LibraryError, span: Span) -> Diagnostic {
    Diagnostic::at(fault_code(error.fault), span, error.message.clone())
        .maybe_help(error.help.map(str::to_owned))
}

/// Finds an executor in the libraries that `spec` lists, or reports why it is not there.
pub(super) fn find_in_named(
    spec: &ExecutorSpec,
    catalog: &Catalog,
    search_path: &SearchPath<'_>,
    report: &mut Report,
) -> Option<FoundLibrary> {
    let mut opened: Vec<(&LibrarySpec, PathBuf, &'static [ExecutorType])> = Vec::new();
    for library in &spec.libraries {
        let path = library_file(library, search_path);
        let sha256 = library.sha256.as_ref().map(|hash| hash.value.as_str());
        match catalog.open_library(&LibraryRequest { path: &path, roots: &search_path.roots, sha256 }) {
            Ok(types) => opened.push((library, path, types)),
            Err(error) => {
                let span = match (error.fault, &library.sha256) {
                    (LibraryFault::WrongHash, Some(hash)) => hash.span,
                    _ => library.span,
                };
                report.push(library_diagnostic(&error, span));
                return None;
            }
        }
    }
    let (class, span) = (&spec.class.value, spec.class.span);
    let types = opened
        .iter()
        .flat_map(|(library, path, types)| types.iter().map(move |executor| (*library, path, executor)));
    let is_match = |executor: &ExecutorType| spec.names_library_file() || has_name(executor, class);
    let matching: Vec<_> = types.clone().filter(|(_, _, executor)| is_match(executor)).collect();
    match matching.as_slice() {
        [(_, path, executor)] => Some(FoundLibrary { executor_type: **executor, path: (*path).clone() }),
        [] => {
            let names: Vec<&str> = types.map(|(_, _, executor)| executor.name).collect();
            let message = format!("none of the plugins listed here has an executor `{class}`");
            let suggestion = did_you_mean(class, names.iter().copied());
            let help = format!("available: {}", quoted_list(&names));
            report.push(
                Diagnostic::at(Code::UnresolvedExecutor, span, message).maybe_help(suggestion).help(help),
            );
            None
        }
        _ if spec.names_library_file() => {
            let names: Vec<&str> = matching.iter().map(|(_, _, executor)| executor.name).collect();
            let message = format!("`{class}` has several executors: {}", quoted_list(&names));
            let first = names.first().copied().unwrap_or_default();
            let help = format!("choose one: `{{jtype: {first}, metas: {{plugins: [{class}]}}}}`");
            report.push(Diagnostic::at(Code::UnresolvedExecutor, span, message).help(help));
            None
        }
        [(first, ..), (second, ..), ..] => {
            let message = format!("two plugins have an executor named `{class}`");
            let twice = Diagnostic::at(Code::PluginDuplicateName, second.span, message);
            report.push(twice.label(first.span, "the first one").help("list only one of them"));
            None
        }
    }
}

fn has_name(executor: &ExecutorType, name: &str) -> bool {
    executor.name == name || executor.aliases.contains(&name)
}

fn quoted_list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The file of a library. A bare file name is also searched for in the plugin directories.
fn library_file(library: &LibrarySpec, search_path: &SearchPath<'_>) -> PathBuf {
    let is_bare = Path::new(&library.written).components().count() == 1 && !library.written.contains('/');
    let mut candidates = search_path.directories.iter().map(|directory| directory.join(&library.written));
    match library.path.is_file() || !is_bare {
        true => library.path.clone(),
        false => candidates.find(|path| path.is_file()).unwrap_or_else(|| library.path.clone()),
    }
}

/// Searches the plugin directories for the executor that `spec` names. `Ok(None)` when the name is ambiguous, which is
/// reported.
///
/// # Errors
/// When no library has the executor: the errors of the libraries that could not be opened.
pub(super) fn search(
    spec: &ExecutorSpec,
    catalog: &Catalog,
    search_path: &SearchPath<'_>,
    report: &mut Report,
) -> Result<Option<FoundLibrary>, Vec<String>> {
    let mut skipped = Vec::new();
    let mut found: Option<FoundLibrary> = None;
    for path in plugin_files(search_path.directories) {
        match catalog.open_library(&LibraryRequest { path: &path, roots: &search_path.roots, sha256: None }) {
            Err(error) => skipped.push(error.message),
            Ok(types) => {
                let Some(executor) = types.iter().find(|executor| has_name(executor, &spec.class.value))
                else {
                    continue;
                };
                if let Some(first) = &found {
                    let (first, second) = (first.path.display(), path.display());
                    let message = format!("`{}` is in both {first} and {second}", spec.class.value);
                    let twice = Diagnostic::at(Code::PluginDuplicateName, spec.class.span, message);
                    report.push(twice.help("choose one: `metas: {plugins: [FILE]}`"));
                    return Ok(None);
                }
                found = Some(FoundLibrary { executor_type: *executor, path });
            }
        }
    }
    found.map(Some).ok_or(skipped)
}

/// Shared libraries in the given directories, sorted by name within each; at most [`PLUGINS_SEARCHED_MAX`].
fn plugin_files(directories: &[PathBuf]) -> Vec<PathBuf> {
    let mut libraries = Vec::new();
    for directory in directories {
        let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension().is_some_and(|extension| extension == "so" || extension == "dylib")
            })
            .collect();
        files.sort();
        libraries.extend(files);
    }
    libraries.truncate(PLUGINS_SEARCHED_MAX);
    libraries
}
