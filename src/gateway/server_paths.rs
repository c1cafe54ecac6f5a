//! Removes paths of this machine from error messages: clients must not learn them.
//!
//! Executors report errors of the operating system with the paths of their files, and Python executors with those of
//! their source code. Paths under a directory of the flow are shown relative to it. A path that a client sent is
//! shortened like any other.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use flowrun_sdk::{Exception, ExecutorError, Value};

use crate::job;
use crate::runtime::Outcome;
use crate::topology::{ComponentPlan, Topology};

/// Directories of the flow and of the process, with a slash at the end, the longest first.
#[derive(Debug)]
pub(super) struct ServerPaths(Vec<String>);

impl ServerPaths {
    /// The directories of `topology`: those of its files, workspaces, models and inputs, and those of the process.
    pub(super) fn new(topology: &Topology) -> Self {
        let components = topology.pods.iter().filter_map(|pod| pod.executor.as_ref());
        let of_components = components.flat_map(|plan| &plan.components).flat_map(directories);
        let inputs = topology.job.input.iter().map(|input| job::directory_of(input));
        let process = std::env::current_dir().ok().into_iter().chain([std::env::temp_dir()]);
        let home = std::env::var_os("HOME").map(PathBuf::from);
        Self::from_directories(
            of_components
                .chain(topology.gateway.files.iter().cloned())
                .chain(inputs)
                .chain(process)
                .chain(home),
        )
    }

    fn from_directories(directories: impl Iterator<Item = PathBuf>) -> Self {
        let both = |path: PathBuf| [std::path::absolute(&path).ok(), path.canonicalize().ok()];
        // The root directory would match every path, and every endpoint.
        let text = |path: PathBuf| Some(format!("{}/", path.to_str()?.trim_end_matches('/')));
        let mut roots: Vec<String> = directories.flat_map(both).flatten().filter_map(text).collect();
        roots.retain(|root| root.len() > 1);
        roots.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        roots.dedup();
        Self(roots)
    }

    /// Shortens the paths in the error messages of an outcome.
    pub(super) fn hide_in(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed(mut error) => {
                error.error = self.hide_in_error(error.error);
                Outcome::Failed(error)
            }
            Outcome::Reply(mut response) => {
                for failure in &mut response.failures {
                    let error = std::mem::replace(&mut failure.failure.error, ExecutorError::input(""));
                    failure.failure.error = self.hide_in_error(error);
                }
                Outcome::Reply(response)
            }
        }
    }

    fn hide_in_error(&self, error: ExecutorError) -> ExecutorError {
        let all = |texts: &[String]| texts.iter().map(|text| self.hide(text).into_owned()).collect();
        let exception = error.exception().map(|raised| Exception {
            args: all(&raised.args),
            stacks: all(&raised.stacks),
            ..raised.clone()
        });
        let message = self.hide(error.message()).into_owned();
        let error = error.with_message(message);
        match exception {
            Some(exception) => error.with_exception(exception),
            None => error,
        }
    }

    /// Makes paths under the directories relative to them, by removing the directories from `text`.
    pub(super) fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.iter().fold(Cow::Borrowed(text), |text, root| {
            let (mut hidden, mut copied) = (String::new(), 0);
            for start in starts(&text, root) {
                hidden.push_str(text.get(copied..start).unwrap_or_default());
                copied = start + root.len();
            }
            if copied == 0 {
                return text;
            }
            hidden.push_str(text.get(copied..).unwrap_or_default());
            Cow::Owned(hidden)
        })
    }
}

/// Positions in `text` at which a path starts that begins with `root`.
fn starts<'t>(text: &'t str, root: &'t str) -> impl Iterator<Item = usize> + 't {
    let continues = |letter: char| letter.is_alphanumeric() || matches!(letter, '/' | '.' | '_' | '-' | '~');
    let is_start = move |start: usize| {
        !text.get(..start).and_then(|before| before.chars().next_back()).is_some_and(continues)
    };
    text.match_indices(root).map(|(start, _)| start).filter(move |start| is_start(*start))
}

/// Directories of a component: its own, its workspace, and those of absolute paths among its parameters.
fn directories(component: &ComponentPlan) -> Vec<PathBuf> {
    let mut directories = vec![component.directory.clone(), component.workspace.clone()];
    let texts = component.with.values().flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        value => std::slice::from_ref(value),
    });
    let absolute = texts.filter_map(Value::as_str).map(Path::new).filter(|path| path.is_absolute());
    directories.extend(absolute.filter_map(Path::parent).map(Path::to_owned));
    directories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_under_the_directories_are_relative_in_messages() {
        let roots = ["/srv/flow", "/srv/flow/work", "/", "/home/u"].map(PathBuf::from);
        let paths = ServerPaths::from_directories(roots.into_iter());
        for (text, hidden) in [
            ("cannot read /srv/flow/work/0/vectors: no space", "cannot read 0/vectors: no space"),
            ("File \"/srv/flow/executor.py\", line 3", "File \"executor.py\", line 3"),
            ("/srv/flow/a and /home/u/b", "a and b"),
            (
                "the endpoint /search; x/srv/flow/a; /srv/flowers/a",
                "the endpoint /search; x/srv/flow/a; /srv/flowers/a",
            ),
        ] {
            assert_eq!(paths.hide(text), hidden);
        }
    }

    #[test]
    fn messages_and_tracebacks_of_errors_are_shortened() {
        let paths = ServerPaths::from_directories([PathBuf::from("/srv/flow")].into_iter());
        let raised = Exception {
            name: "OSError".to_owned(),
            args: vec!["/srv/flow/a".to_owned()],
            stacks: vec!["File \"/srv/flow/b.py\"".to_owned()],
            executor: "Mine".to_owned(),
        };
        let error = ExecutorError::resource("cannot open /srv/flow/a").with_exception(raised);
        let hidden = paths.hide_in_error(error);
        assert_eq!(hidden.message(), "cannot open a");
        let exception = hidden.exception().unwrap();
        assert_eq!((&exception.args[0][..], &exception.stacks[0][..]), ("a", "File \"b.py\""));
    }
}
