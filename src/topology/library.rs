//! Executors in shared libraries: found, and looked at without executing them.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, ExecutorType, LibraryError, LibraryFault, LibraryRequest};

use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};
use crate::limits::PLUGINS_SEARCHED_MAX;
use crate::spec::{ExecutorSpec, LibrarySpec};

/// Where libraries may be.
pub(super) struct Places<'a> {
    /// Where they are looked for by name.
    pub(super) search: &'a [PathBuf],
    /// Beneath which they must be: those, and the flow's own directory.
    pub(super) roots: Vec<PathBuf>,
}

/// An executor of a library.
pub(super) struct Found {
    pub(super) kind: ExecutorType,
    /// The library's file.
    pub(super) path: PathBuf,
    /// The hash that it must have, if the flow says so.
    pub(super) sha256: Option<String>,
}

/// The code of what is wrong with a library.
pub(crate) fn code(fault: LibraryFault) -> Code {
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

fn complaint(error: &LibraryError, span: Span) -> Diagnostic {
    Diagnostic::at(code(error.fault), span, error.message.clone()).maybe_help(error.help.map(str::to_owned))
}

/// The executor that `spec` names in the libraries that it names; the report says why there is none.
pub(super) fn named(
    spec: &ExecutorSpec,
    catalog: &Catalog,
    places: &Places<'_>,
    report: &mut Report,
) -> Option<Found> {
    let mut offered: Vec<(&LibrarySpec, PathBuf, &'static [ExecutorType])> = Vec::new();
    for library in &spec.libraries {
        let path = located(library, places);
        let sha256 = library.sha256.as_ref().map(|hash| hash.value.as_str());
        match catalog.open_library(&LibraryRequest { path: &path, roots: &places.roots, sha256 }) {
            Ok(types) => offered.push((library, path, types)),
            Err(error) => {
                let span = match (error.fault, &library.sha256) {
                    (LibraryFault::WrongHash, Some(hash)) => hash.span,
                    _ => library.span,
                };
                report.push(complaint(&error, span));
                return None;
            }
        }
    }
    let (class, span) = (&spec.class.value, spec.class.span);
    let kinds = offered
        .iter()
        .flat_map(|(library, path, types)| types.iter().map(move |kind| (*library, path, kind)));
    let wanted = |kind: &ExecutorType| spec.names_library_file() || is_called(kind, class);
    let matching: Vec<_> = kinds.clone().filter(|(_, _, kind)| wanted(kind)).collect();
    match matching.as_slice() {
        [(library, path, kind)] => {
            let sha256 = library.sha256.as_ref().map(|hash| hash.value.clone());
            Some(Found { kind: **kind, path: (*path).clone(), sha256 })
        }
        [] => {
            let names: Vec<&str> = kinds.map(|(_, _, kind)| kind.name).collect();
            let message = format!("no plugin that is named here has an executor `{class}`");
            let meant = did_you_mean(class, names.iter().copied());
            let help = format!("there is {}", list(&names));
            report.push(Diagnostic::at(Code::UnresolvedExecutor, span, message).maybe_help(meant).help(help));
            None
        }
        _ if spec.names_library_file() => {
            let names: Vec<&str> = matching.iter().map(|(_, _, kind)| kind.name).collect();
            let message = format!("`{class}` has several executors: {}", list(&names));
            let first = names.first().copied().unwrap_or_default();
            let help = format!("say which: `{{jtype: {first}, metas: {{plugins: [{class}]}}}}`");
            report.push(Diagnostic::at(Code::UnresolvedExecutor, span, message).help(help));
            None
        }
        [(first, ..), (second, ..), ..] => {
            let message = format!("two plugins have an executor that is called `{class}`");
            let twice = Diagnostic::at(Code::PluginDuplicateName, second.span, message);
            report.push(twice.label(first.span, "the first one").help("name one of the two"));
            None
        }
    }
}

fn is_called(kind: &ExecutorType, name: &str) -> bool {
    kind.name == name || kind.aliases.contains(&name)
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The file of a library. A bare name is looked for in the directories for plugins too.
fn located(library: &LibrarySpec, places: &Places<'_>) -> PathBuf {
    let bare = Path::new(&library.written).components().count() == 1 && !library.written.contains('/');
    let searched =
        || places.search.iter().map(|place| place.join(&library.written)).find(|path| path.is_file());
    match library.path.is_file() || !bare {
        true => library.path.clone(),
        false => searched().unwrap_or_else(|| library.path.clone()),
    }
}

/// The executor of that name in the directories for plugins. Libraries there that will not do are passed over, and told
/// where the name is found nowhere.
pub(super) fn searched(
    spec: &ExecutorSpec,
    catalog: &Catalog,
    places: &Places<'_>,
    report: &mut Report,
) -> Result<Option<Found>, Vec<String>> {
    let mut passed_over = Vec::new();
    let mut found: Option<Found> = None;
    for path in libraries(places.search) {
        match catalog.open_library(&LibraryRequest { path: &path, roots: &places.roots, sha256: None }) {
            Err(error) => passed_over.push(error.message),
            Ok(types) => {
                let Some(kind) = types.iter().find(|kind| is_called(kind, &spec.class.value)) else {
                    continue;
                };
                if let Some(first) = &found {
                    let (first, second) = (first.path.display(), path.display());
                    let message = format!("`{}` is in {first} and in {second}", spec.class.value);
                    let twice = Diagnostic::at(Code::PluginDuplicateName, spec.class.span, message);
                    report.push(twice.help("say which: `metas: {plugins: [FILE]}`"));
                    return Ok(None);
                }
                found = Some(Found { kind: *kind, path, sha256: None });
            }
        }
    }
    found.map(Some).ok_or(passed_over)
}

/// The libraries in these directories, in the order of their names.
fn libraries(directories: &[PathBuf]) -> Vec<PathBuf> {
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
