//! A flow: one form for every dialect.

use std::path::PathBuf;
use std::time::Duration;

use super::choices::WhenFull;
use super::dialect::Dialect;
use super::gateway::GatewaySpec;
use super::pod::PodSpec;
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned};

/// A flow as its file specifies it. Names are not yet resolved, executors not yet found.
#[derive(Clone, Debug)]
pub struct FlowSpec {
    /// Dialect of the file.
    pub dialect: Dialect,
    /// Name of the flow; the file's name by default.
    pub name: String,
    /// Span of the whole flow.
    pub span: Span,
    /// Number of requests inside the flow at a time. Each of them holds a *credit*.
    pub prefetch: usize,
    /// Handling of a request while all credits are in use.
    pub when_full: WhenFull,
    /// Time limit of a request; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Ends a served flow once a call is not expected to return (see [`GIVE_UP_FACTOR`](crate::limits::GIVE_UP_FACTOR)).
    pub exit_on_hang: bool,
    /// Settings for running the flow as a batch job.
    pub job: JobSpec,
    /// Settings for serving the flow.
    pub gateway: GatewaySpec,
    /// Plugin directories in addition to the flow's own.
    pub plugins: Vec<PathBuf>,
    /// The pods, in the order of the file.
    pub pods: Vec<PodSpec>,
}

/// Settings for running a flow as a batch job over some input. Options of the command line override them.
#[derive(Clone, Debug, Default)]
pub struct JobSpec {
    /// Files, directories or glob patterns.
    pub input: Vec<Spanned<PathBuf>>,
    /// Rules that select the files of directories and patterns.
    pub include: Vec<String>,
    /// Endpoint of the requests.
    pub endpoint: Option<String>,
    /// File for the results.
    pub output: Option<PathBuf>,
    /// Matches per document to request.
    pub top_k: Option<usize>,
    /// Documents per request.
    pub request_size: Option<usize>,
}

impl FlowSpec {
    /// Adds a pod. A duplicate name is reported and replaced; Jina 3 renames the second pod silently.
    pub(super) fn add_pod(&mut self, mut pod: PodSpec, report: &mut Report) {
        if let Some(first) = self.pods.iter().find(|known| known.name.value == pod.name.value) {
            let message = format!("two pods have the name `{}`", pod.name.value);
            let duplicate = Diagnostic::at(Code::DuplicateName, pod.name.span, message)
                .label(first.name.span, "first one")
                .help("rename one of them");
            report.push(duplicate);
            pod.name.value = self.unused_name(&pod.name.value);
        }
        self.pods.push(pod);
    }

    /// `name` followed by a number, such that no pod has that name.
    pub(super) fn unused_name(&self, name: &str) -> String {
        let numbered = (self.pods.len()..).map(|number| format!("{name}{number}"));
        numbered.into_iter().find(|candidate| !self.has_pod(candidate)).unwrap_or_default()
    }

    /// Jina's name of a join without one.
    pub(super) fn joiner_name(&self) -> String {
        if self.has_pod("joiner") { self.unused_name("joiner") } else { "joiner".to_owned() }
    }

    /// True if a pod has this name.
    pub(super) fn has_pod(&self, name: &str) -> bool {
        self.pods.iter().any(|pod| pod.name.value == name)
    }
}
