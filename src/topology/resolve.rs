//! Resolves the executors that a flow names: finds their types, checks their parameters, chooses their workspaces.
//!
//! Types are found in the catalogue, in plugins ([`library`]) or, for Python classes, run by `PythonExecutor`
//! ([`python`]). No executor code is run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use flowrun_sdk::{Catalog, ExecutorType, ParameterError, RawParameters};
use serde_json::Value;

use super::component::{ComponentType, PodSettings};
use super::executor::{ComponentPlan, ExecutorRef, ProgramPlan, StepPlan};
use super::isolate::{self, report_unused_env};
use super::library::{self, FoundLibrary, SearchPath};
use super::model;
use super::parameters::parameter_diagnostic;
use super::python::{self, with_pod_modules};
use super::spans::ComponentSpans;
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned, did_you_mean};
use crate::spec::{ExecutorSpec, FlowSpec, Parameters, Step, StepTarget, Uses, method_endpoint};

/// The executors of a pod. `E` describes one executor and differs by stage of resolution. A field is `None` if the pod
/// has no such executor, or if it could not be resolved.
#[derive(Clone, Debug)]
pub struct PodExecutors<E> {
    /// The executor of `uses_before`.
    pub before: Option<E>,
    /// The executor of `uses`.
    pub main: Option<E>,
    /// The executor of `uses_after`.
    pub after: Option<E>,
}

impl<E> Default for PodExecutors<E> {
    fn default() -> Self {
        Self { before: None, main: None, after: None }
    }
}

impl<E> PodExecutors<E> {
    fn iter(&self) -> impl Iterator<Item = &E> {
        [&self.before, &self.main, &self.after].into_iter().flatten()
    }
}

/// A resolved executor.
#[derive(Clone, Debug)]
pub struct ResolvedExecutor {
    /// Its own name: `metas.name`, by default its class.
    pub name: String,
    /// The components: one, or several for a compound executor.
    pub components: Vec<ResolvedComponent>,
    /// Calls of components, by endpoint.
    pub programs: Vec<ProgramPlan>,
    /// `true` if requests to endpoints without a program pass through unchanged; `false` if the first component receives
    /// them.
    pub pass_unmatched: bool,
}

/// A resolved component.
#[derive(Clone, Debug)]
pub struct ResolvedComponent {
    /// Serialisable description of the component.
    pub plan: ComponentPlan,
    /// Its positions in the flow file.
    pub spans: ComponentSpans,
    /// Its executor type.
    pub executor_type: ExecutorType,
    /// Type and parameters of the executor in the child process, under `isolate: process`.
    pub isolated: Option<(ExecutorType, RawParameters)>,
}

/// Resolves the executors of every pod of `flow`, whose file is in `directory`. Executors that cannot be resolved are
/// reported.
pub fn resolve(
    flow: &FlowSpec,
    catalog: &Catalog,
    directory: &Path,
    report: &mut Report,
) -> Vec<PodExecutors<ResolvedExecutor>> {
    let flow_workspace = default_workspace(directory);
    let mut roots =
        vec![if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_owned() }];
    roots.extend(flow.plugins.iter().cloned());
    let libraries = SearchPath { directories: &flow.plugins, roots };
    let mut pods = Vec::with_capacity(flow.pods.len());
    for pod in &flow.pods {
        let workspace = pod.workspace.as_deref().unwrap_or(&flow_workspace);
        let settings = PodSettings {
            workspace,
            read_only: pod.read_only,
            isolate: pod.isolate,
            python: pod.python.as_ref(),
            replicas: pod.replicas,
            env: &pod.env,
            libraries: &libraries,
        };
        let mut resolve = |uses: &Spanned<Uses>| resolve_executor(uses, &settings, catalog, report);
        pods.push(PodExecutors {
            before: pod.uses_before.as_ref().and_then(|uses| resolve(&with_pod_modules(uses, pod, catalog))),
            main: if pod.remote_unsupported.is_none() { resolve(&pod.executor) } else { None },
            after: pod.uses_after.as_ref().and_then(|uses| resolve(&with_pod_modules(uses, pod, catalog))),
        });
        if let Some(reason) = &pod.remote_unsupported {
            let message = format!("`{}` cannot be run: {}", pod.name.value, reason.value);
            report.push(Diagnostic::at(Code::UnresolvedExecutor, reason.span, message));
        }
    }
    check_workspaces(flow.pods.iter().map(|pod| pod.name.value.as_str()).zip(&pods), report);
    pods
}

/// Reports executors that store data in the workspace of another.
fn check_workspaces<'a>(
    pods: impl Iterator<Item = (&'a str, &'a PodExecutors<ResolvedExecutor>)>,
    report: &mut Report,
) {
    let mut used: HashMap<&Path, Span> = HashMap::new();
    let components = pods.flat_map(|(pod, executors)| {
        executors.iter().flat_map(|executor| &executor.components).map(move |component| (pod, component))
    });
    for (pod, component) in components.filter(|(_, component)| component.plan.stores) {
        let (workspace, span) = (&component.plan.workspace, component.spans.component);
        match used.entry(workspace) {
            Entry::Vacant(free) => drop(free.insert(span)),
            Entry::Occupied(first) => {
                let message = format!("another executor already stores its data in {}", workspace.display());
                let help = format!(
                    "data are stored under the name of the executor, by default its class: give this one another, \
                     such as `uses_metas: {{name: {pod}}}`, before Jina 3 `metas: {{name: {pod}}}` in its own file"
                );
                let shared = Diagnostic::at(Code::SharedWorkspace, span, message);
                report.push(shared.label(*first.get(), "the other executor").help(help));
            }
        }
    }
}

/// Resolves one executor, or reports why it cannot be resolved.
fn resolve_executor(
    uses: &Spanned<Uses>,
    settings: &PodSettings<'_>,
    catalog: &Catalog,
    report: &mut Report,
) -> Option<ResolvedExecutor> {
    let spec = match &uses.value {
        Uses::Class(spec) => spec,
        Uses::Broken { .. } => return None,
        Uses::Unresolved { written, reason, help } => {
            let message = format!("`{written}` cannot be run: {reason}");
            report
                .push(Diagnostic::at(Code::UnresolvedExecutor, uses.span, message).maybe_help(help.clone()));
            return None;
        }
    };
    let mut resolver = Resolver { settings, catalog, report, components: Vec::new() };
    let is_single = spec.components.is_empty();
    let specs = if is_single { std::slice::from_ref(&**spec) } else { &spec.components };
    let mut complete = true;
    for spec in specs {
        complete &= resolver.add_component(spec);
    }
    // `PythonExecutor` itself maps endpoints to the methods of a Python class.
    let python = is_single && python::is_python(spec, settings.python, catalog);
    let handlers = spec.requests.handlers.iter().filter(|handler| !(python && python::is_method(handler)));
    let programs: Option<Vec<ProgramPlan>> = handlers
        .map(|handler| {
            let steps = handler.steps.iter().map(|step| resolver.step(step, spec)).collect::<Option<_>>()?;
            Some(ProgramPlan { endpoints: handler.endpoints.clone(), steps })
        })
        .collect();
    let components = resolver.components;
    let (programs, true) = (programs?, complete) else { return None };
    let name = match components.first() {
        Some(only) if is_unnamed(spec) => only.plan.class.clone(),
        _ => spec.name.clone(),
    };
    Some(ResolvedExecutor { name, components, programs, pass_unmatched: spec.requests.pass_unmatched })
}

struct Resolver<'a> {
    settings: &'a PodSettings<'a>,
    catalog: &'a Catalog,
    report: &'a mut Report,
    components: Vec<ResolvedComponent>,
}

impl Resolver<'_> {
    /// Resolves a component and adds it. Returns `false`, after a report, when that is not possible.
    fn add_component(&mut self, spec: &ExecutorSpec) -> bool {
        let base = spec.workspace.as_deref().unwrap_or(self.settings.workspace);
        let found = if python::is_python(spec, self.settings.python, self.catalog) {
            python::resolve(spec, self.settings, base, self.catalog, self.report)
        } else {
            self.resolve_type(spec)
        };
        let Some(found) = found else { return false };
        let workspace = base.join(if is_unnamed(spec) { &found.class } else { &spec.name });
        let plan = ComponentPlan {
            executor: found.executor,
            class: found.class,
            with: found.with,
            workspace,
            directory: spec.directory.clone(),
            read_only: spec.read_only || self.settings.read_only,
            stores: found.stores,
        };
        let spans = ComponentSpans { component: spec.with.span, parameters: spec.with.spans.clone() };
        let ComponentType { executor_type, isolated, .. } = found;
        self.components.push(ResolvedComponent { plan, spans, executor_type, isolated });
        true
    }

    /// Resolves a built-in executor or an executor of a plugin.
    fn resolve_type(&mut self, spec: &ExecutorSpec) -> Option<ComponentType> {
        let (executor_type, library) = self.find_type(spec)?;
        if let Some(module) = spec.py_modules.first().filter(|_| library.is_none()) {
            let message =
                format!("`{}` is a built-in executor; `py_modules` has no effect", spec.class.value);
            let help =
                "to run the Python class of this name, set the interpreter at the pod: `python: python3`";
            self.report.push(Diagnostic::at(Code::WithoutEffect, module.written.span, message).help(help));
        }
        let path = library.as_ref().map(|library| library.path.as_path());
        let mut with = self.check_parameters(&executor_type, path, &spec.with);
        model::apply_stand_in(&executor_type, &mut with, self.catalog);
        if self.settings.isolate {
            let isolated = isolate::isolated(executor_type, with, library, self.settings, self.catalog);
            if isolated.is_none() {
                isolate::report_unavailable(spec.class.span, self.report);
            }
            return isolated;
        }
        report_unused_env(self.settings.env, self.report);
        let name = executor_type.name.to_owned();
        let executor = match library {
            None => ExecutorRef::BuiltIn { name: name.clone() },
            Some(library) => ExecutorRef::Library {
                name: name.clone(),
                path: library.path,
                roots: self.settings.libraries.roots.clone(),
                sha256: executor_type.library_sha256.map(str::to_owned),
            },
        };
        let stores = executor_type.stores;
        Some(ComponentType { executor_type, executor, with, class: name, stores, isolated: None })
    }

    /// The executor type that `spec` names, and its library unless it is built in.
    fn find_type(&mut self, spec: &ExecutorSpec) -> Option<(ExecutorType, Option<FoundLibrary>)> {
        let libraries = self.settings.libraries;
        let found = |found: FoundLibrary| (found.executor_type, Some(found));
        if !spec.libraries.is_empty() {
            return library::find_in_named(spec, self.catalog, libraries, self.report).map(found);
        }
        if let Some(executor_type) = self.catalog.get(&spec.class.value) {
            return Some((*executor_type, None));
        }
        match library::search(spec, self.catalog, libraries, self.report) {
            Ok(library) => library.map(found),
            Err(skipped) => {
                let skipped =
                    skipped.into_iter().next().map(|reason| format!("a plugin was skipped: {reason}"));
                self.report.push(unknown_executor(spec, self.catalog).maybe_help(skipped));
                None
            }
        }
    }

    /// Checks the parameters against the executor type and reports mistakes. Returns them without unknown ones.
    fn check_parameters(
        &mut self,
        executor_type: &ExecutorType,
        library: Option<&Path>,
        parameters: &Parameters,
    ) -> RawParameters {
        let mut with = parameters.values.clone();
        for error in executor_type.check(&with) {
            self.report.push(parameter_diagnostic(&error, executor_type, library, parameters));
            if let ParameterError::Unknown { name } = &error {
                with.shift_remove(name);
            }
        }
        with
    }

    /// Plans the call of one step. Adds a component if the step names a built-in executor.
    fn step(&mut self, step: &Step, spec: &ExecutorSpec) -> Option<StepPlan> {
        let (component, endpoint) = match &step.target {
            StepTarget::Component(position) => (*position, step.endpoint.map(str::to_owned)),
            StepTarget::Method(method) => (0, Some(method_endpoint(method))),
            StepTarget::Builtin(class, with) => {
                (self.add_builtin(class, with, step, spec)?, step.endpoint.map(str::to_owned))
            }
        };
        Some(StepPlan { component, endpoint, access_paths: step.access_paths.clone() })
    }

    /// Adds the built-in executor that replaces a Jina driver. Returns its position.
    fn add_builtin(&mut self, class: &str, with: &Value, step: &Step, spec: &ExecutorSpec) -> Option<usize> {
        let span = step.span;
        let values = with.as_object().cloned().unwrap_or_default();
        let builtin = ExecutorSpec {
            class: Spanned::new(class.to_owned(), span),
            with: Parameters { values, ..Parameters::empty(span) },
            name: class.to_owned(),
            workspace: spec.workspace.clone(),
            description: None,
            directory: spec.directory.clone(),
            read_only: spec.read_only,
            py_modules: Vec::new(),
            libraries: Vec::new(),
            components: Vec::new(),
            requests: crate::spec::Requests::default(),
            batching: crate::spec::BatchingTable::default(),
        };
        self.add_component(&builtin).then(|| self.components.len() - 1)
    }
}

/// True for `uses: ./libmine.so`, which sets no name but a path: the executor is then named after its class.
fn is_unnamed(spec: &ExecutorSpec) -> bool {
    spec.names_library_file() && spec.name == spec.class.value
}

fn unknown_executor(spec: &ExecutorSpec, catalog: &Catalog) -> Diagnostic {
    let class = &spec.class.value;
    let diagnostic =
        Diagnostic::at(Code::UnresolvedExecutor, spec.class.span, format!("there is no executor `{class}`"));
    let suggestion = did_you_mean(class, catalog.names());
    diagnostic.maybe_help(suggestion).help(
        "`flowrun executors` lists the built-in executors; for a Python class add `py_modules: [FILE.py]`",
    )
}

/// Parent of the executors' workspaces when the flow sets none: next to the flow file.
fn default_workspace(flow_directory: &Path) -> PathBuf {
    flow_directory.join("workspace")
}
