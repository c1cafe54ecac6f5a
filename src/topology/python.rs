//! Executors written in Python: parameters of `PythonExecutor`, which runs the class in a child process per replica.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, guard};
use serde_json::{Map, Value, json};

use super::component::{ComponentType, PodSettings};
use super::executor::ExecutorRef;
use crate::diagnostic::{Code, Diagnostic, Report, Spanned, did_you_mean};
use crate::limits::PYTHON_BYTES_MAX;
use crate::spec::{ExecutorSpec, Handler, PodSpec, PythonModule, PythonSpec, StepTarget, Uses};

/// Name of the executor that runs Python classes.
const PYTHON_EXECUTOR: &str = "PythonExecutor";

/// Returns `true` when `spec` names a Python class: it lists modules, and either there is no built-in executor of that name
/// or the pod sets the interpreter.
pub(super) fn is_python(spec: &ExecutorSpec, python: Option<&PythonSpec>, catalog: &Catalog) -> bool {
    let is_explicit = python.is_some_and(|python| python.set_on_pod);
    !spec.py_modules.is_empty() && (is_explicit || catalog.get(&spec.class.value).is_none())
}

/// Adds the modules of a pod to its executor before or after the shards, unless that has its class from elsewhere: from the
/// catalogue, a library, or modules of its own.
pub(super) fn with_pod_modules<'a>(
    uses: &'a Spanned<Uses>,
    pod: &PodSpec,
    catalog: &Catalog,
) -> Cow<'a, Spanned<Uses>> {
    let modules = &pod.py_modules;
    let Uses::Class(spec) = &uses.value else { return Cow::Borrowed(uses) };
    let is_elsewhere = !spec.py_modules.is_empty()
        || !spec.libraries.is_empty()
        || !spec.components.is_empty()
        || catalog.get(&spec.class.value).is_some();
    // A class that they do not contain may be that of a plugin.
    if is_elsewhere || modules.is_empty() || !may_contain(modules, &spec.class.value) {
        return Cow::Borrowed(uses);
    }
    let spec = ExecutorSpec { py_modules: modules.clone(), ..(**spec).clone() };
    Cow::Owned(Spanned::new(Uses::Class(Box::new(spec)), uses.span))
}

/// Resolves a Python class to `PythonExecutor`. Reports missing module files, and modules that cannot define the class.
pub(super) fn resolve(
    spec: &ExecutorSpec,
    settings: &PodSettings<'_>,
    workspace: &Path,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<ComponentType> {
    let missing = |module: &&PythonModule| module.file.is_none() && !module.is_module_name();
    for module in spec.py_modules.iter().filter(missing) {
        let message =
            format!("`{}`, which should define `{}`, does not exist", module.written.value, spec.class.value);
        let help = "paths are relative to the file that contains them; write the name of an installed module without \
                    `.py`: `my.module`";
        report.push(Diagnostic::at(Code::UnresolvedExecutor, module.written.span, message).help(help));
    }
    if spec.py_modules.iter().any(|module| missing(&module)) || !may_define(spec, report) {
        return None;
    }
    let executor_type = *catalog.get(PYTHON_EXECUTOR)?;
    let modules: Vec<Value> = spec.py_modules.iter().map(|module| module_text(module).into()).collect();
    let with = json!({
        "class": spec.class.value,
        "modules": modules,
        "python": settings.python.map(|python| python.path.to_string_lossy()),
        "with": spec.with.values,
        "metas": metas(spec),
        "requests": methods(&spec.requests.handlers),
        "workspace": workspace.to_string_lossy(),
        "env": settings.env.values,
        "replicas": settings.replicas,
    });
    let Value::Object(with) = with else { return None };
    Some(ComponentType {
        executor_type,
        executor: ExecutorRef::BuiltIn { name: executor_type.name.to_owned() },
        with,
        class: spec.class.value.clone(),
        stores: executor_type.stores,
        isolated: None,
    })
}

/// The texts of modules; `None` if one is an installed module or cannot be read, which is left to Python.
fn texts(modules: &[PythonModule]) -> Option<Vec<String>> {
    modules.iter().map(|module| guard::read_text(module.file.as_ref()?, PYTHON_BYTES_MAX).ok()).collect()
}

/// True if the text of a module mentions a class, or imports all names of another.
fn mentions(texts: &[String], class: &str) -> bool {
    let is_named = |text: &str| {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == class)
    };
    texts.iter().any(|text| is_named(text) || text.contains("import *"))
}

/// True unless the texts of the modules are known and do not mention the class.
fn may_contain(modules: &[PythonModule], class: &str) -> bool {
    texts(modules).is_none_or(|texts| mentions(&texts, class))
}

/// Reports a class that the text of its modules does not contain. Modules are not executed, so a class that is defined
/// dynamically but mentioned nowhere is reported too.
fn may_define(spec: &ExecutorSpec, report: &mut Report) -> bool {
    let Some(texts) = texts(&spec.py_modules) else { return true };
    let class = spec.class.value.as_str();
    if mentions(&texts, class) {
        return true;
    }
    let defined: Vec<&str> = texts.iter().flat_map(|text| classes(text)).collect();
    let files: Vec<&str> = spec.py_modules.iter().map(|module| module.written.value.as_str()).collect();
    let help = match defined.is_empty() {
        true => "the modules define no class".to_owned(),
        false => format!("classes defined there: {}", defined.join(", ")),
    };
    let message = format!("there is no class `{class}` in `{}`", files.join("`, `"));
    let diagnostic = Diagnostic::at(Code::UnresolvedExecutor, spec.class.span, message);
    report.push(diagnostic.maybe_help(did_you_mean(class, defined)).help(help));
    false
}

/// Names of the classes at the top level of a file.
fn classes(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| line.strip_prefix("class "));
    names.map(|rest| rest.split(['(', ':', ' ']).next().unwrap_or(rest))
}

/// The `metas` that the class receives: those that the flow sets. The workspace is absolute, because the class may change its
/// working directory.
fn metas(spec: &ExecutorSpec) -> Map<String, Value> {
    let workspace = spec.workspace.as_ref().map(|path| absolute(path).to_string_lossy().into_owned());
    let metas = [
        ("name", Some(spec.name.clone())),
        ("workspace", workspace),
        ("description", spec.description.clone()),
    ];
    metas.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn module_text(module: &PythonModule) -> String {
    match &module.file {
        Some(file) => absolute(file).to_string_lossy().into_owned(),
        None => module.written.value.clone(),
    }
}

/// Method names by endpoint, for Jina's executors.
fn methods(handlers: &[Handler]) -> Map<String, Value> {
    let method = |handler: &Handler| match handler.steps.as_slice() {
        [step] => match &step.target {
            StepTarget::Method(name) => Some(name.trim_start_matches('/').to_owned()),
            _ => None,
        },
        _ => None,
    };
    let methods =
        handlers.iter().filter_map(|handler| Some((handler.endpoints.first()?.clone(), method(handler)?)));
    // The first handler of an endpoint applies, so it is inserted last.
    methods.rev().map(|(endpoint, method)| (endpoint, method.into())).collect()
}

/// Returns `true` when a handler only maps endpoints to a method of the class.
pub(super) fn is_method(handler: &Handler) -> bool {
    matches!(handler.steps.as_slice(), [step] if matches!(step.target, StepTarget::Method(_)))
}
