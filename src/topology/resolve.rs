//! From class names to executors: found in the catalogue, parameters checked against their tables.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, ExecutorType, ParameterError, ParameterKind, RawParameters};
use serde_json::Value;

use super::executor::{ComponentPlan, ExecutorPlan, ProgramPlan, StepPlan};
use super::library::{self, Found, Places};
use super::python;
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned, did_you_mean};
use crate::spec::{ExecutorSpec, FlowSpec, Parameters, PythonSpec, Step, StepTarget, Uses, method_endpoint};

/// The executor that has another one in a process of its own.
const ISOLATED: &str = "IsolatedExecutor";

/// The executors of a pod; `None` for one that the pod does not have or that cannot be had.
#[derive(Clone, Debug, Default)]
pub struct PodExecutors {
    /// The one before it.
    pub before: Option<ExecutorPlan>,
    /// Its own.
    pub own: Option<ExecutorPlan>,
    /// The one behind it.
    pub after: Option<ExecutorPlan>,
}

/// Finds the executors of every pod of `flow`, whose file stands in `directory`. Those that cannot be had are reported.
pub fn resolve(
    flow: &FlowSpec,
    catalog: &Catalog,
    directory: &Path,
    report: &mut Report,
) -> Vec<PodExecutors> {
    let flow_workspace = default_workspace(directory);
    let mut roots =
        vec![if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_owned() }];
    roots.extend(flow.plugins.iter().cloned());
    let places = Places { search: &flow.plugins, roots };
    let mut pods = Vec::with_capacity(flow.pods.len());
    for pod in &flow.pods {
        let workspace = pod.workspace.as_deref().unwrap_or(&flow_workspace);
        let surroundings = Surroundings {
            workspace,
            read_only: pod.read_only,
            isolate: pod.isolate,
            python: pod.python.as_ref(),
            replicas: pod.replicas,
            env: &pod.env,
            places: &places,
        };
        let mut find = |executor| find(executor, &surroundings, catalog, report);
        pods.push(PodExecutors {
            before: pod.uses_before.as_ref().and_then(&mut find),
            own: if pod.remote_unsupported.is_none() { find(&pod.executor) } else { None },
            after: pod.uses_after.as_ref().and_then(&mut find),
        });
        if let Some(elsewhere) = &pod.remote_unsupported {
            let message = format!("`{}` cannot be run: {}", pod.name.value, elsewhere.value);
            report.push(Diagnostic::at(Code::UnresolvedExecutor, elsewhere.span, message));
        }
    }
    check_workspaces(&pods, report);
    pods
}

/// Each directory has one executor that stores in it.
fn check_workspaces(pods: &[PodExecutors], report: &mut Report) {
    let mut taken: HashMap<&Path, Span> = HashMap::new();
    let executors = pods.iter().flat_map(|pod| [&pod.before, &pod.own, &pod.after]).flatten();
    for component in executors.flat_map(|plan| &plan.components).filter(|component| component.kind.stores) {
        let span = component.arguments.span;
        match taken.entry(&component.workspace) {
            Entry::Vacant(free) => drop(free.insert(span)),
            Entry::Occupied(first) => {
                let message = format!("another executor stores in {} already", component.workspace.display());
                let help =
                    "give it a name of its own: `metas: {name: NAME}`, in Jina 3 `uses_metas: {name: NAME}`";
                let shared = Diagnostic::at(Code::SharedWorkspace, span, message);
                report.push(shared.label(*first.get(), "this one").help(help));
            }
        }
    }
}

/// Where an executor's directories lie when it does not say itself, and whether it may write.
pub(super) struct Surroundings<'a> {
    workspace: &'a Path,
    read_only: bool,
    isolate: bool,
    pub(super) python: Option<&'a PythonSpec>,
    pub(super) replicas: usize,
    pub(super) env: &'a Parameters,
    /// Where its libraries may be.
    places: &'a Places<'a>,
}

/// Finds what `executor` names; `None` when it cannot be had, and the report says why.
fn find(
    executor: &Spanned<Uses>,
    surroundings: &Surroundings<'_>,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<ExecutorPlan> {
    let spec = match &executor.value {
        Uses::Class(spec) => spec,
        Uses::Broken { .. } => return None,
        Uses::Unresolved { written, reason, help } => {
            let message = format!("`{written}` cannot be run: {reason}");
            report.push(
                Diagnostic::at(Code::UnresolvedExecutor, executor.span, message).maybe_help(help.clone()),
            );
            return None;
        }
    };
    let mut resolver = Resolver { surroundings, catalog, report, components: Vec::new() };
    let simple = spec.components.is_empty();
    let own = if simple { std::slice::from_ref(&**spec) } else { &spec.components };
    let mut complete = true;
    for spec in own {
        complete &= resolver.component(spec);
    }
    // Which method an endpoint calls is Python's own business where the executor is Python's.
    let python = simple && python::is_wanted(spec, surroundings.python, catalog);
    let programs = spec.requests.handlers.iter().filter(|program| !(python && python::is_method(program)));
    let programs: Option<Vec<ProgramPlan>> = programs
        .map(|program| {
            let steps = program.steps.iter().map(|step| resolver.step(step, spec)).collect::<Option<_>>()?;
            Some(ProgramPlan { endpoints: program.endpoints.clone(), steps })
        })
        .collect();
    let components = resolver.components;
    let (programs, true) = (programs?, complete) else { return None };
    Some(ExecutorPlan { components, programs, others_pass: spec.requests.pass_unmatched })
}

struct Resolver<'a> {
    surroundings: &'a Surroundings<'a>,
    catalog: &'a Catalog,
    report: &'a mut Report,
    components: Vec<ComponentPlan>,
}

impl Resolver<'_> {
    /// Adds the executor that `spec` describes; `false` when it cannot be had.
    fn component(&mut self, spec: &ExecutorSpec) -> bool {
        let base = spec.workspace.as_deref().unwrap_or(self.surroundings.workspace);
        // The name of a library is no name for an executor.
        let unnamed = spec.names_library_file() && spec.name == spec.class.value;
        let found = if python::is_wanted(spec, self.surroundings.python, self.catalog) {
            python::executor(spec, self.surroundings, base, self.catalog, self.report)
                .map(|(kind, with)| (kind, spec.class.value.clone(), with))
        } else {
            self.own(spec)
        };
        let Some((kind, class, with)) = found else { return false };
        let workspace = base.join(if unnamed { &class } else { &spec.name });
        self.components.push(ComponentPlan {
            kind,
            class,
            with,
            arguments: spec.with.clone(),
            workspace,
            directory: spec.directory.clone(),
            read_only: spec.read_only || self.surroundings.read_only,
        });
        true
    }

    /// The executor of ours, or of a library's, that has the name, the class that it is, and its parameters.
    fn own(&mut self, spec: &ExecutorSpec) -> Option<(ExecutorType, String, RawParameters)> {
        let (kind, library) = self.kind(spec)?;
        if let Some(module) = spec.py_modules.first().filter(|_| library.is_none()) {
            let message = format!("`{}` is built in; `py_modules` is not read", spec.class.value);
            let help = "to run Python's class of that name, say which Python at the pod: `python: python3`";
            self.report.push(Diagnostic::at(Code::WithoutEffect, module.written.span, message).help(help));
        }
        let path = library.as_ref().map(|library| library.path.as_path());
        let (class, with) = (kind.name.to_owned(), self.checked(&kind, path, &spec.with));
        if self.surroundings.isolate {
            let (kind, with) = isolated((kind, with), library, self.surroundings, self.catalog);
            return Some((kind, class, with));
        }
        without_process(self.surroundings.env, self.report);
        Some((kind, class, with))
    }

    /// The executor that `spec` names, and the library that it is in if it is in one; reported when there is none.
    fn kind(&mut self, spec: &ExecutorSpec) -> Option<(ExecutorType, Option<Found>)> {
        let places = self.surroundings.places;
        let found = |found: Found| (found.kind, Some(found));
        if !spec.libraries.is_empty() {
            return library::named(spec, self.catalog, places, self.report).map(found);
        }
        if let Some(kind) = self.catalog.get(&spec.class.value) {
            return Some((*kind, None));
        }
        match library::searched(spec, self.catalog, places, self.report) {
            Ok(searched) => searched.map(found),
            Err(passed_over) => {
                let diagnostic = unknown(spec, self.catalog);
                let passed_over =
                    passed_over.into_iter().next().map(|why| format!("a plugin was passed over: {why}"));
                self.report.push(diagnostic.maybe_help(passed_over));
                None
            }
        }
    }

    /// The parameters that the table of `kind` knows; what it does not know is reported and left out.
    fn checked(
        &mut self,
        kind: &ExecutorType,
        library: Option<&Path>,
        arguments: &Parameters,
    ) -> RawParameters {
        let mut with = arguments.values.clone();
        for error in kind.check(&with) {
            self.report.push(mistake(&error, kind, library, arguments));
            if let ParameterError::Unknown { name } = &error {
                with.shift_remove(name);
            }
        }
        with
    }

    /// The call that a step stands for. Executors that it brings along are added.
    fn step(&mut self, step: &Step, spec: &ExecutorSpec) -> Option<StepPlan> {
        let (component, endpoint) = match &step.target {
            StepTarget::Component(position) => (*position, step.endpoint.map(str::to_owned)),
            StepTarget::Method(method) => (0, Some(method_endpoint(method))),
            StepTarget::Builtin(class, with) => {
                (self.builtin(class, with, step, spec)?, step.endpoint.map(str::to_owned))
            }
        };
        Some(StepPlan { component, endpoint, access_paths: step.access_paths.clone() })
    }

    /// An executor of ours that a driver stands for.
    fn builtin(&mut self, class: &str, with: &Value, step: &Step, spec: &ExecutorSpec) -> Option<usize> {
        let span = step.span;
        let values = with.as_object().cloned().unwrap_or_default();
        let arguments = Parameters { values, ..Parameters::empty(span) };
        let builtin = ExecutorSpec {
            class: Spanned::new(class.to_owned(), span),
            with: arguments,
            name: class.to_owned(),
            workspace: spec.workspace.clone(),
            directory: spec.directory.clone(),
            read_only: spec.read_only,
            py_modules: Vec::new(),
            libraries: Vec::new(),
            components: Vec::new(),
            requests: crate::spec::Requests::default(),
            batching: crate::spec::BatchingTable::default(),
        };
        self.component(&builtin).then(|| self.components.len() - 1)
    }
}

/// The executor of which each worker has `kind`, out of `library` if it is in one, in a process of its own.
fn isolated(
    (kind, with): (ExecutorType, RawParameters),
    library: Option<Found>,
    around: &Surroundings<'_>,
    catalog: &Catalog,
) -> (ExecutorType, RawParameters) {
    let Some(isolated) = catalog.get(ISOLATED) else { return (kind, with) };
    let texts =
        |paths: &[PathBuf]| paths.iter().map(|path| Value::from(path.to_string_lossy())).collect::<Value>();
    let with = [
        ("executor", kind.name.into()),
        ("with", with.into()),
        ("env", Value::Object(around.env.values.clone())),
        ("library", library.as_ref().map(|library| library.path.to_string_lossy().into_owned()).into()),
        ("sha256", library.and_then(|library| library.sha256).into()),
        ("roots", texts(&around.places.roots)),
    ];
    let with = with.into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut isolated = *isolated;
    isolated.stores = kind.stores;
    (isolated, with.collect())
}

/// Notes variables of an executor that has no process of its own.
fn without_process(env: &Parameters, report: &mut Report) {
    for (name, (span, _)) in &env.spans {
        let message =
            format!("`env` has no effect here: the executor would see `{name}` in a process of its own");
        let help = "set it in the environment of flowrun, or write `isolate: process` at the pod";
        report.push(Diagnostic::at(Code::WithoutEffect, *span, message).help(help));
    }
}

fn unknown(spec: &ExecutorSpec, catalog: &Catalog) -> Diagnostic {
    let class = &spec.class.value;
    let diagnostic =
        Diagnostic::at(Code::UnresolvedExecutor, spec.class.span, format!("there is no executor `{class}`"));
    let meant = did_you_mean(class, catalog.names());
    diagnostic
        .maybe_help(meant)
        .help("`flowrun executors` lists the built-in ones; for one in Python write `py_modules: [FILE.py]`")
}

/// What to say of a mistake among the parameters, and where.
fn mistake(
    error: &ParameterError,
    kind: &ExecutorType,
    library: Option<&Path>,
    arguments: &Parameters,
) -> Diagnostic {
    let place = |name: &str| arguments.spans.get(name).copied().unwrap_or((arguments.span, arguments.span));
    let help = match library {
        Some(path) => format!("`flowrun plugin check {}` lists its parameters", path.display()),
        None => format!("`flowrun executors {}` lists its parameters", kind.name),
    };
    match error {
        ParameterError::Unknown { name } => {
            let meant = did_you_mean(name, kind.fields.iter().map(|field| field.name));
            let message = format!("`{}` has no parameter `{name}`", kind.name);
            Diagnostic::at(Code::UnknownParameter, place(name).0, message).maybe_help(meant).help(help)
        }
        ParameterError::Missing { name } => {
            let message = format!("`{}` needs the parameter `{name}`", kind.name);
            Diagnostic::at(Code::MissingParameter, arguments.span, message).help(help)
        }
        ParameterError::Invalid { name, reason } => {
            let field = kind.fields.iter().find(|field| field.name == *name);
            let words = field.map(|field| choices(field.kind)).unwrap_or_default();
            let meant = arguments.values.get(*name).and_then(|value| misspelt_choice(value, words));
            Diagnostic::at(Code::InvalidParameter, place(name).1, format!("`{name}` {reason}"))
                .maybe_help(meant)
        }
    }
}

/// The words of a parameter with a fixed set of values; empty for other parameters.
fn choices(kind: ParameterKind) -> &'static [&'static str] {
    match kind {
        ParameterKind::Choice(words) => words,
        ParameterKind::Optional(kind) | ParameterKind::List(kind) | ParameterKind::Array(kind, _) => {
            choices(*kind)
        }
        _ => &[],
    }
}

/// The suggestion for the first string in `value` that is none of `words`.
fn misspelt_choice(value: &Value, words: &'static [&'static str]) -> Option<String> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let mut texts = items.iter().filter_map(Value::as_str);
    let misspelt = texts.find(|text| !words.iter().any(|word| word.eq_ignore_ascii_case(text)))?;
    did_you_mean(misspelt, words.iter().copied())
}

/// The directory that executors write beneath when nobody says: beside the flow's file.
fn default_workspace(flow_directory: &Path) -> PathBuf {
    flow_directory.join("workspace")
}
