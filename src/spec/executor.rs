//! What a pod runs, as its YAML means it.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::{BatchingTable, LibrarySpec};
use crate::diagnostic::{Span, Spanned};

/// What a pod runs.
#[derive(Clone, Debug)]
pub enum Uses {
    /// An executor of some class, or several of them behind one name.
    Class(Box<ExecutorSpec>),
    /// Something that cannot be run here: a container, a plugin, a file that is missing.
    Unresolved {
        /// As it was written.
        written: String,
        /// Why it cannot be run.
        reason: String,
        /// What to do instead.
        help: Option<String>,
    },
    /// Something whose YAML is wrong, as was reported where it is wrong.
    Broken {
        /// As it was written.
        written: String,
    },
}

/// An executor's YAML, or the class name that stands for one.
#[derive(Clone, Debug)]
pub struct ExecutorSpec {
    /// Its class.
    pub class: Spanned<String>,
    /// Its parameters.
    pub with: Parameters,
    /// What its directory and its drivers call it; the class when it has no name of its own.
    pub name: String,
    /// The directory that it writes beneath, if it says so.
    pub workspace: Option<PathBuf>,
    /// The directory of the file that it is written in; its paths start there.
    pub directory: PathBuf,
    /// Stored data may not change.
    pub read_only: bool,
    /// Python files or modules that define the class.
    pub py_modules: Vec<PythonModule>,
    /// Shared libraries that it is in; none for a built-in.
    pub libraries: Vec<LibrarySpec>,
    /// The executors that it is made of; none for a simple one.
    pub components: Vec<ExecutorSpec>,
    /// What its YAML says about requests.
    pub requests: Requests,
    /// What its YAML says about batches.
    pub batching: BatchingTable,
}

/// A Python file, or a module that Python finds by its name.
#[derive(Clone, Debug)]
pub struct PythonModule {
    /// As it was written.
    pub written: Spanned<String>,
    /// The file; none for a module by name, and for a file that is not there.
    pub file: Option<PathBuf>,
}

impl PythonModule {
    /// Whether it is the name of a module, and not that of a file.
    pub fn is_module_name(&self) -> bool {
        self.file.is_none() && !self.written.ends_with(".py") && !self.written.contains('/')
    }
}

/// The module and the class of a name with dots in it: `my.module.Class`. Names of images have no capitals.
pub(super) fn dotted(text: &str) -> Option<(&str, &str)> {
    let (module, class) = text.rsplit_once('.')?;
    let identifier = |part: &str| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let capital = class.starts_with(char::is_uppercase);
    (capital && identifier(class) && module.split('.').all(identifier)).then_some((module, class))
}

/// Parameters as they are written under `with:`.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Names and values.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// Where each name and each value stands.
    pub spans: IndexMap<String, (Span, Span)>,
    /// The values as they are written, without secrets in them.
    pub written: serde_json::Map<String, serde_json::Value>,
    /// Where to point when something is missing.
    pub span: Span,
}

impl Parameters {
    /// No parameters, for an executor named at `span`.
    pub fn empty(span: Span) -> Self {
        Self { values: serde_json::Map::new(), spans: IndexMap::new(), written: serde_json::Map::new(), span }
    }
}

/// What an executor's YAML says about requests.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// What requests to some endpoints do.
    pub handlers: Vec<Handler>,
    /// Whether requests that no program names pass by, instead of going to the executor as they are.
    pub pass_unmatched: bool,
}

/// What requests to some endpoints do: one step after the other.
#[derive(Clone, Debug)]
pub struct Handler {
    /// The endpoints; none for every one.
    pub endpoints: Vec<String>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step of a program: a call of one executor.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which one is called.
    pub target: StepTarget,
    /// The endpoint that it is called with; the request's own when `None`.
    pub endpoint: Option<&'static str>,
    /// The documents that it works on, as access paths; its own default when `None`.
    pub access_paths: Option<String>,
    /// Where the step stands.
    pub span: Span,
}

/// Whom a step calls.
#[derive(Clone, Debug)]
pub enum StepTarget {
    /// The executor itself, when it is a simple one, or the component at this position.
    Component(usize),
    /// An executor that the step brings along: its class and its parameters.
    Builtin(&'static str, serde_json::Value),
    /// A method of the executor itself, as Jina 3's method names say.
    Method(String),
}

/// The endpoint that a method of that name stands for in an executor of ours.
pub fn method_endpoint(name: &str) -> String {
    super::polling::with_slash(name)
}
