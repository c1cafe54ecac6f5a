//! `isolate: process`: replaces an executor by `IsolatedExecutor`, which runs it in a child process per replica.

use std::path::PathBuf;

use flowrun_sdk::{Catalog, ExecutorType, RawParameters};
use serde_json::Value;

use super::component::{ComponentType, PodSettings};
use super::executor::ExecutorRef;
use super::library::FoundLibrary;
use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::spec::Parameters;

/// Name of the executor that runs another one in a child process.
const ISOLATED_EXECUTOR: &str = "IsolatedExecutor";

/// The executor that runs `executor_type` in a child process; `None` when the catalogue has no `IsolatedExecutor`.
pub(super) fn isolated(
    executor_type: ExecutorType,
    with: RawParameters,
    library: Option<FoundLibrary>,
    settings: &PodSettings<'_>,
    catalog: &Catalog,
) -> Option<ComponentType> {
    let isolated = *catalog.get(ISOLATED_EXECUTOR)?;
    let texts =
        |paths: &[PathBuf]| paths.iter().map(|path| Value::from(path.to_string_lossy())).collect::<Value>();
    let parameters = [
        ("executor", executor_type.name.into()),
        ("with", with.clone().into()),
        ("env", Value::Object(settings.env.values.clone())),
        ("library", library.map(|library| library.path.to_string_lossy().into_owned()).into()),
        // The child loads the file that was checked here, and no other.
        ("sha256", executor_type.library_sha256.into()),
        ("roots", texts(&settings.libraries.roots)),
    ];
    Some(ComponentType {
        executor_type: isolated,
        executor: ExecutorRef::BuiltIn { name: isolated.name.to_owned() },
        with: parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        class: executor_type.name.to_owned(),
        stores: executor_type.stores,
        isolated: Some((executor_type, with)),
    })
}

/// Reports that the catalogue has no `IsolatedExecutor`.
pub(super) fn report_unavailable(span: Span, report: &mut Report) {
    let message = format!("`isolate: process` is not available: this program has no `{ISOLATED_EXECUTOR}`");
    let help = "remove `isolate`, or use a program that has it";
    report.push(Diagnostic::at(Code::UnresolvedExecutor, span, message).help(help));
}

/// Reports the variables of `env` when the executor has no process of its own.
pub(super) fn report_unused_env(env: &Parameters, report: &mut Report) {
    for (name, (span, _)) in &env.spans {
        let message = format!("`env` does not set `{name}`: the executor runs in the process of flowrun");
        let help = "set it in the environment of flowrun, or write `isolate: process` on the pod";
        report.push(Diagnostic::at(Code::WithoutEffect, *span, message).help(help));
    }
}
