//! Executors that are written in Python: what an executor of ours is told that runs one.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, ExecutorType, RawParameters, guard};
use serde_json::{Map, Value, json};

use super::resolve::Surroundings;
use crate::diagnostic::{Code, Diagnostic, Report, did_you_mean};
use crate::limits::PYTHON_BYTES_MAX;
use crate::spec::{ExecutorSpec, Handler, PythonModule, PythonSpec, StepTarget};

/// The executor that has a child process of Python's.
const PYTHON: &str = "PythonExecutor";

/// Whether the class that `spec` names is Python's: modules define it, and none of ours has its name, or the pod says
/// which Python it wants.
pub(super) fn is_wanted(spec: &ExecutorSpec, python: Option<&PythonSpec>, catalog: &Catalog) -> bool {
    let insists = python.is_some_and(|python| python.set_on_pod);
    !spec.py_modules.is_empty() && (insists || catalog.get(&spec.class.value).is_none())
}

/// The executor that runs the class, and what it is told; `None` when that is known to be impossible.
pub(super) fn executor(
    spec: &ExecutorSpec,
    around: &Surroundings<'_>,
    workspace: &Path,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<(ExecutorType, RawParameters)> {
    let missing = |module: &&PythonModule| module.file.is_none() && !module.is_module_name();
    for module in spec.py_modules.iter().filter(missing) {
        let message =
            format!("`{}`, which would define `{}`, is not there", module.written.value, spec.class.value);
        let help = "a path starts from the file that it stands in; a module that Python finds by itself is written \
                    without `.py`: `my.module`";
        report.push(Diagnostic::at(Code::UnresolvedExecutor, module.written.span, message).help(help));
    }
    if spec.py_modules.iter().any(|module| missing(&module)) || !may_define(spec, report) {
        return None;
    }
    let kind = catalog.get(PYTHON)?;
    let modules: Vec<Value> = spec.py_modules.iter().map(|module| module_text(module).into()).collect();
    let metas = json!({"name": spec.name});
    let with = json!({
        "class": spec.class.value,
        "modules": modules,
        "python": around.python.map(|python| python.path.to_string_lossy()),
        "with": spec.with.values,
        "metas": metas,
        "requests": methods(&spec.requests.handlers),
        "workspace": workspace.to_string_lossy(),
        "env": around.env.values,
        "replicas": around.replicas,
    });
    let Value::Object(with) = with else { return None };
    Some((*kind, with))
}

/// Whether the modules may define the class, as far as their text tells. Nothing of them is run to find out.
fn may_define(spec: &ExecutorSpec, report: &mut Report) -> bool {
    let texts =
        spec.py_modules.iter().map(|module| guard::read_text(module.file.as_ref()?, PYTHON_BYTES_MAX).ok());
    // What is found by its name, or cannot be read, may define anything.
    let Some(texts) = texts.collect::<Option<Vec<String>>>() else { return true };
    let class = spec.class.value.as_str();
    let word = |text: &str| {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == class)
    };
    if texts.iter().any(|text| word(text) || text.contains("import *")) {
        return true;
    }
    let defined: Vec<&str> = texts.iter().flat_map(|text| classes(text)).collect();
    let files: Vec<&str> = spec.py_modules.iter().map(|module| module.written.value.as_str()).collect();
    let has = match defined.is_empty() {
        true => "no class is defined there".to_owned(),
        false => format!("what is defined there: {}", defined.join(", ")),
    };
    let message = format!("there is no class `{class}` in `{}`", files.join("`, `"));
    let diagnostic = Diagnostic::at(Code::UnresolvedExecutor, spec.class.span, message);
    report.push(diagnostic.maybe_help(did_you_mean(class, defined)).help(has));
    false
}

/// The classes at the top level of a file.
fn classes(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| line.strip_prefix("class "));
    names.map(|rest| rest.split(['(', ':', ' ']).next().unwrap_or(rest))
}

fn module_text(module: &PythonModule) -> String {
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    match &module.file {
        Some(file) => absolute(file).to_string_lossy().into_owned(),
        None => module.written.value.clone(),
    }
}

/// Which endpoint calls which method, as Jina's executors want to know it.
fn methods(programs: &[Handler]) -> Map<String, Value> {
    let method = |program: &Handler| match program.steps.as_slice() {
        [step] => match &step.target {
            StepTarget::Method(name) => Some(name.trim_start_matches('/').to_owned()),
            _ => None,
        },
        _ => None,
    };
    let methods =
        programs.iter().filter_map(|program| Some((program.endpoints.first()?.clone(), method(program)?)));
    // What was said later stands first, and wins.
    methods.rev().map(|(endpoint, method)| (endpoint, method.into())).collect()
}

/// Whether a program only says which method an endpoint calls.
pub(super) fn is_method(program: &Handler) -> bool {
    matches!(program.steps.as_slice(), [step] if matches!(step.target, StepTarget::Method(_)))
}
