//! Options of a batch job, and the job that they and the flow file specify.
//!
//! The command line takes precedence over the flow file. `flowrun run` runs the job; `flowrun check` plans the one of the
//! flow file alone, in order to report its mistakes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::continuation_options::ContinuationOptions;
use super::request_options::{RequestOptions, endpoint_path};
use super::value_parsers::{positive_integer, seconds};
use crate::diagnostic::{Code, Diagnostic, Report, Span};
use crate::job::{self, Checkpoint, Include, Job, Located, Output};
use crate::limits::REQUEST_SIZE_DEFAULT;
use crate::topology::Topology;

/// Options of a batch job.
#[derive(Debug, Default, Args)]
pub(super) struct JobOptions {
    /// Input file, directory or glob pattern; may be repeated. A `.jsonl` file has one document per line; `-` is standard
    /// input.
    #[arg(short, long, value_name = "PATH")]
    input: Vec<PathBuf>,
    /// More input, as for `--input`.
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
    /// Files to read in directories and patterns, by name (`*.jpg`) or media type (`image/*`); with `!` before it, files to
    /// skip. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Endpoint that requests are sent to, for example `/index`.
    #[arg(short, long, value_name = "PATH")]
    endpoint: Option<String>,
    /// File that results are written to as JSON lines; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    request: RequestOptions,
    /// Number of documents per request.
    #[arg(long, value_name = "N", value_parser = positive_integer)]
    request_size: Option<usize>,
    /// Timeout of one request in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    #[command(flatten)]
    continuation: ContinuationOptions,
}

impl JobOptions {
    /// Returns whether any option is given, and so requests a batch job.
    pub(super) fn is_given(&self) -> bool {
        // Without `..`, so that a new option is not forgotten.
        let Self { input, files, include, endpoint, output, request, request_size, timeout, continuation } =
            self;
        let RequestOptions { top_k, parameters } = request;
        let has_list = !(input.is_empty() && files.is_empty() && include.is_empty() && parameters.is_empty());
        let has_value = endpoint.is_some() || output.is_some() || top_k.is_some();
        has_list || has_value || request_size.is_some() || timeout.is_some() || continuation.is_given()
    }

    /// File that results are written to: of the command line, or else of the flow.
    pub(super) fn output<'a>(&'a self, topology: &'a Topology) -> Option<&'a Path> {
        self.output.as_deref().or(topology.job.output.as_deref())
    }

    /// Plans the batch job. Its mistakes are added to the report.
    pub(super) fn plan(&self, topology: &Topology, report: &mut Report) -> Option<Job> {
        let job = self.job(topology, report);
        let output = self.output(topology);
        if let (Some(job), Some(output)) = (&job, output)
            && let Some(input) = job.inputs.iter().find(|input| input.is_at(output))
        {
            let message = format!("the output would overwrite the input {}", input.path().display());
            report.push(Diagnostic::new(Code::OutputIsInput, message).help("name another file with `-o`"));
        }
        job
    }

    /// Opens the checkpoint, if one is named, and the output where the checkpoint ends.
    ///
    /// # Errors
    /// Names the file that cannot be opened.
    pub(super) fn open(
        &self,
        job: &Job,
        output: Option<&Path>,
    ) -> Result<(Option<Checkpoint>, Output), String> {
        self.continuation.open(job, output)
    }

    fn patterns(&self) -> impl Iterator<Item = &PathBuf> {
        self.input.iter().chain(&self.files)
    }

    fn job(&self, topology: &Topology, report: &mut Report) -> Option<Job> {
        let defaults = &topology.job;
        let located = self.located(topology, report);
        let Some(endpoint) = self.endpoint.as_ref().or(defaults.endpoint.as_ref()) else {
            let help = "type `--endpoint /index` or `--endpoint /search`, or write `endpoint: /index` under the flow's `with:`";
            let message = format!("the batch job of `{}` has no endpoint", topology.name);
            report.push(Diagnostic::new(Code::NoEndpoint, message).help(help));
            return None;
        };
        let Located { inputs, skipped } = located?;
        Some(Job {
            inputs,
            skipped,
            embed_content: false,
            endpoint: endpoint_path(endpoint),
            parameters: self.request.parameters(defaults.top_k),
            request_size: self.request_size.or(defaults.request_size).unwrap_or(REQUEST_SIZE_DEFAULT).max(1),
            credits: topology.credits,
            timeout: self.timeout,
            part: self.continuation.part,
        })
    }

    /// Locates the files that the command line names, or else the flow.
    fn located(&self, topology: &Topology, report: &mut Report) -> Option<Located> {
        let mut patterns: Vec<(PathBuf, Option<Span>)> =
            self.patterns().map(|path| (path.clone(), None)).collect();
        if patterns.is_empty() {
            let spans = topology.spans.job_inputs.iter().copied().map(Some).chain(std::iter::repeat(None));
            patterns = topology.job.input.iter().cloned().zip(spans).collect();
        }
        if patterns.is_empty() {
            let message = format!("`{}` has no input for a batch job", topology.name);
            let help = "type `--input 'clips/*.gif'`, or write `input: …` under the flow's `with:`; `flowrun serve` waits for requests instead";
            report.push(Diagnostic::new(Code::NoInput, message).help(help));
            return None;
        }
        let rules = if self.include.is_empty() { &topology.job.include } else { &self.include };
        let include = match Include::parse(rules.iter().map(String::as_str)) {
            Ok(include) => include,
            Err(error) => {
                report.push(Diagnostic::new(Code::NoInput, error.to_string()));
                return None;
            }
        };
        let mut all = Located::default();
        for (pattern, span) in patterns {
            match job::locate(&pattern, &include) {
                Ok(located) => {
                    all.inputs.extend(located.inputs);
                    all.skipped += located.skipped;
                }
                Err(error) => {
                    let diagnostic = Diagnostic::new(Code::NoInput, error.to_string());
                    report.push(match span {
                        Some(span) => diagnostic.label(span, "named here"),
                        None => diagnostic,
                    });
                }
            }
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// A command with the options of a batch job.
    #[derive(Debug, Parser)]
    struct JobCommand {
        #[command(flatten)]
        job: JobOptions,
    }

    fn is_given(arguments: &[&str]) -> bool {
        JobCommand::parse_from([&["job"][..], arguments].concat()).job.is_given()
    }

    #[test]
    fn every_option_of_a_job_requests_one() {
        assert!(!is_given(&[]));
        for arguments in [
            &["file"][..],
            &["--input", "file"],
            &["--include", "*.jpg"],
            &["--endpoint", "/index"],
            &["--output", "file"],
            &["--top-k", "3"],
            &["--parameter", "a=1"],
            &["--request-size", "8"],
            &["--timeout", "2"],
            &["--checkpoint", "file"],
            &["--part", "1/2"],
        ] {
            assert!(is_given(arguments), "{arguments:?}");
        }
    }
}
