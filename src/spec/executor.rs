//! The executor of a pod, as its YAML specifies it. A later stage finds the class.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::batching::BatchingTable;
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned};
use crate::yaml::{Node, Schema};

/// The executor that calls a remote one.
pub(crate) const REMOTE_EXECUTOR: &str = "RemoteExecutor";

/// The value of `uses`.
#[derive(Clone, Debug)]
pub enum Uses {
    /// An executor of some class, possibly compound.
    Class(Box<ExecutorSpec>),
    /// An executor that flowrun cannot run: an unknown container image, a missing file.
    Unresolved {
        /// The value as written.
        written: String,
        /// Reason why it cannot be run.
        reason: String,
        /// Suggested alternative.
        help: Option<String>,
    },
    /// An executor whose YAML has errors, which are in the report already.
    Broken {
        /// The value as written.
        written: String,
    },
}

impl Uses {
    /// The built-in executor that calls a remote executor, whose replicas are at `addresses`. `written` are the addresses with
    /// expressions instead of the values of variables, `spans` those of the key and its value.
    pub(super) fn remote(
        addresses: Vec<String>,
        written: Vec<String>,
        spans: (Span, Span),
        directory: PathBuf,
    ) -> Self {
        let mut spec = ExecutorSpec::of_class(REMOTE_EXECUTOR, spans.1, directory);
        spec.with.insert("addresses", spans, addresses.into(), written.into());
        Self::Class(Box::new(spec))
    }

    /// True if the executor calls a remote one.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Class(spec) if spec.class.value == REMOTE_EXECUTOR)
    }
}

/// An executor's YAML, or the class name that is short for one.
#[derive(Clone, Debug)]
pub struct ExecutorSpec {
    /// Class of the executor.
    pub class: Spanned<String>,
    /// Parameters: `with:`.
    pub with: Parameters,
    /// Name for its directory and for drivers; the class by default.
    pub name: String,
    /// Directory for its data, if set.
    pub workspace: Option<PathBuf>,
    /// Description, which only a class in Python reads.
    pub description: Option<String>,
    /// Directory of the file that specifies it; relative paths start there.
    pub directory: PathBuf,
    /// Opens stored data read-only.
    pub read_only: bool,
    /// Python files or modules that define the class.
    pub py_modules: Vec<PythonModule>,
    /// Shared libraries that contain the class; empty for a built-in.
    pub libraries: Vec<LibrarySpec>,
    /// Executors of a compound executor; empty for a simple one.
    pub components: Vec<Self>,
    /// Calls per request type or endpoint.
    pub requests: Requests,
    /// Dynamic batching set in its YAML.
    pub batching: BatchingTable,
}

impl ExecutorSpec {
    /// An executor that is specified by its class alone, at `span` in a file of `directory`.
    pub(super) fn of_class(class: &str, span: Span, directory: PathBuf) -> Self {
        Self {
            class: Spanned::new(class.to_owned(), span),
            with: Parameters::empty(span),
            name: class.to_owned(),
            workspace: None,
            description: None,
            directory,
            read_only: false,
            py_modules: Vec::new(),
            libraries: Vec::new(),
            components: Vec::new(),
            requests: Requests::default(),
            batching: BatchingTable::default(),
        }
    }

    /// True if `py_modules` has that file or module already.
    pub(super) fn lists_module(&self, module: &PythonModule) -> bool {
        self.py_modules.iter().any(|known| match (&known.file, &module.file) {
            (Some(known), Some(file)) => known == file,
            _ => known.written.value == module.written.value,
        })
    }

    /// True if `uses` is the path of a library, and the class thus the only executor in it.
    pub fn names_library_file(&self) -> bool {
        // A library that is recognised by its content may have any name.
        is_library(&self.class.value)
            || matches!(self.libraries.as_slice(), [library] if library.written == self.class.value)
    }
}

/// A Python file, or a module that Python finds by its name.
#[derive(Clone, Debug)]
pub struct PythonModule {
    /// The file or module as written.
    pub written: Spanned<String>,
    /// The file; `None` for a module name and for a file that does not exist.
    pub file: Option<PathBuf>,
}

impl PythonModule {
    /// True if it is the name of a module, not a path.
    pub fn is_module_name(&self) -> bool {
        self.file.is_none() && !self.written.ends_with(".py") && !self.written.contains('/')
    }
}

/// A shared library that may contain an executor.
#[derive(Clone, Debug)]
pub struct LibrarySpec {
    /// The resolved path.
    pub path: PathBuf,
    /// The path as written; a bare file name is also looked up in the plugin directories.
    pub written: String,
    /// Location in the flow file.
    pub span: Span,
    /// Required SHA-256.
    pub sha256: Option<Spanned<String>>,
}

/// True if `text` is the name of a shared library, with a version or without: `libmine.so.1`.
pub(super) fn is_library(text: &str) -> bool {
    let is_version = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_versioned = |(_, version): (&str, &str)| version.split('.').all(is_version);
    text.ends_with(".so") || text.ends_with(".dylib") || text.rsplit_once(".so.").is_some_and(is_versioned)
}

/// Module and class of a dotted name such as `my.module.Class`; `None` otherwise. Image names have no capitals.
pub(super) fn dotted_class(text: &str) -> Option<(&str, &str)> {
    let (module, class) = text.rsplit_once('.')?;
    let identifier = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let capital = class.starts_with(char::is_uppercase);
    (capital && identifier(class) && module.split('.').all(identifier)).then_some((module, class))
}

/// Parameters of an executor: the mapping `with:`.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Names and values.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Spans of each name and its value.
    pub spans: IndexMap<String, (Span, Span)>,
    /// The values as written, with expressions instead of their values, so that they contain no secrets.
    pub written: serde_json::Map<String, serde_json::Value>,
    /// Location for errors about missing parameters.
    pub span: Span,
}

impl Parameters {
    /// No parameters, for an executor named at `span`.
    pub fn empty(span: Span) -> Self {
        Self { values: serde_json::Map::new(), spans: IndexMap::new(), written: serde_json::Map::new(), span }
    }

    /// The parameters in the mapping `node`, for an executor named at `span`. Values that JSON cannot hold are reported.
    pub(super) fn read(node: Option<&Node>, span: Span, schema: Schema, report: &mut Report) -> Self {
        let mut parameters = Self::empty(span);
        for (key, value) in node.and_then(Node::mapping).into_iter().flat_map(|mapping| mapping.iter()) {
            let (written, json) = (value.to_written_json(schema), value.to_json(schema, report));
            parameters.insert(&key.key_text(), (key.span, value.span), json, written);
        }
        parameters
    }

    /// The environment variables in the mapping `node`: texts, exactly as the file or the environment has them.
    pub(super) fn read_variables(node: Option<&Node>, span: Span, report: &mut Report) -> Self {
        let mut variables = Self::empty(span);
        for (key, value) in node.and_then(Node::mapping).into_iter().flat_map(|mapping| mapping.iter()) {
            let Some(scalar) = value.scalar() else {
                let message =
                    format!("the variable `{}` must be a string, but is {}", key.key_text(), value.kind());
                report.push(Diagnostic::at(Code::WrongType, value.span, message));
                continue;
            };
            let (text, written) = (scalar.text.as_str().into(), scalar.written.as_str().into());
            variables.insert(&key.key_text(), (key.span, value.span), text, written);
        }
        variables
    }

    /// Sets a parameter.
    pub(super) fn insert(
        &mut self,
        name: &str,
        spans: (Span, Span),
        value: serde_json::Value,
        written: serde_json::Value,
    ) {
        self.values.insert(name.to_owned(), value);
        self.written.insert(name.to_owned(), written);
        self.spans.insert(name.to_owned(), spans);
    }

    /// Adds the parameters of `other`, which override existing ones.
    pub(super) fn override_with(&mut self, other: Self) {
        self.values.extend(other.values);
        self.written.extend(other.written);
        self.spans.extend(other.spans);
    }
}

/// Calls of an executor per request type or endpoint: `requests:`.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Handlers, in order; the first one that matches a request is used.
    pub handlers: Vec<Handler>,
    /// True if requests without a handler pass through, instead of calling the executor.
    pub pass_unmatched: bool,
}

/// The steps that requests to some endpoints run.
#[derive(Clone, Debug)]
pub struct Handler {
    /// The endpoints; empty for all.
    pub endpoints: Vec<String>,
    /// The steps, which run in order.
    pub steps: Vec<Step>,
}

/// One call of an executor.
#[derive(Clone, Debug)]
pub struct Step {
    /// The callee.
    pub target: StepTarget,
    /// The endpoint to call; `None` for the request's own.
    pub endpoint: Option<&'static str>,
    /// The documents to process, as access paths; `None` for the executor's default.
    pub access_paths: Option<String>,
    /// Location in the file.
    pub span: Span,
}

/// The callee of a step.
#[derive(Clone, Debug)]
pub enum StepTarget {
    /// The component at this position; 0 is the executor itself if it is a simple one.
    Component(usize),
    /// A built-in executor that the step adds: class and parameters.
    Builtin(&'static str, serde_json::Value),
    /// A method of the executor itself, by its name in Jina 3.
    Method(String),
}
