//! Progress and summary of a batch job on standard error, in the style that the command line selects, and the summary as
//! a JSON file.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::terminal::{is_json, is_quiet, json_line};
use crate::job::{Input, Job, Progress, ProgressDisplay, Summary, create_file};

/// Report of a batch job.
pub(super) struct JobReport {
    /// Destination of the summary as JSON.
    json: Option<Box<dyn Write + Send>>,
}

impl JobReport {
    /// Creates the file for the JSON summary (`-`: standard output), if there is one.
    ///
    /// # Errors
    /// Names the file that cannot be created.
    pub(super) fn create(path: Option<&Path>) -> Result<Self, String> {
        let json: Option<Box<dyn Write + Send>> = match path {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(io::stdout())),
            Some(path) => Some(Box::new(create_file(path)?)),
        };
        Ok(Self { json })
    }

    /// Writes the summary as JSON, and prints it.
    pub(super) fn write(self, summary: &Summary) -> io::Result<()> {
        if let Some(mut json) = self.json {
            writeln!(json, "{:#}", summary.to_json())?;
            json.flush()?;
        }
        print_summary(summary)
    }
}

/// Progress of a job whose results are written to `output`.
pub(super) fn progress(job: &Job, output: Option<&Path>) -> Progress {
    // Results that are printed to the terminal would tear the bar.
    let is_torn = output == Some(Path::new("-")) && io::stdout().is_terminal();
    let display = match is_json() || is_quiet() || is_torn {
        true => ProgressDisplay::Log,
        false => ProgressDisplay::Terminal,
    };
    // The number of lines in an input is not known.
    let has_lines = job.inputs.is_empty() || job.inputs.iter().any(|input| !matches!(input, Input::File(_)));
    // Nor is that of the documents in a part, or those that a checkpoint excludes: the total is the largest possible.
    Progress::new((!has_lines).then_some(job.inputs.len() as u64), display)
}

/// Prints the summary to standard error. `--quiet` leaves only the failures.
fn print_summary(summary: &Summary) -> io::Result<()> {
    let mut err = io::stderr().lock();
    if is_json() {
        return print_json(&mut err, summary);
    }
    if is_quiet() {
        return summary.write_failures(&mut err);
    }
    writeln!(err, "{summary}")
}

fn print_json(err: &mut impl Write, summary: &Summary) -> io::Result<()> {
    for failure in summary.failures() {
        let fields = [("document", Some(&failure.label)), ("pod", failure.pod.as_ref())];
        let fields: Map<String, Value> = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into())))
            .collect();
        writeln!(err, "{}", json_line("WARN", &failure.reason, fields))?;
    }
    if is_quiet() {
        return Ok(());
    }
    let Value::Object(mut fields) = summary.to_json() else { return Ok(()) };
    // Printed above, one per line.
    fields.remove("failures");
    writeln!(err, "{}", json_line("INFO", "job done", fields))
}
