//! Renders reports as text: for terminals, as JSON, as SARIF, and as GitHub annotations.

mod github;
mod human;
mod json;
mod sarif;

use crate::diagnostic::report::Report;
use crate::diagnostic::source::Sources;

/// Output format of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: the lines concerned, annotated.
    #[default]
    Human,
    /// One JSON object per diagnostic and line.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow commands, which annotate a pull request.
    Github,
}

/// Renders the report, with expressions instead of the values of variables. `colour` only affects [`Format::Human`].
pub fn render(report: &Report, sources: &Sources, format: Format, colour: bool) -> String {
    render_all(&[(report, sources)], format, colour)
}

/// Renders the reports of several flow files as one text, which is valid in its format.
pub fn render_all(reports: &[(&Report, &Sources)], format: Format, colour: bool) -> String {
    let reports: Vec<(Report, &Sources)> =
        reports.iter().map(|(report, sources)| (report.as_written(&sources.variables), *sources)).collect();
    let each = |render: &dyn Fn(&Report, &Sources) -> String| {
        reports.iter().map(|(report, sources)| render(report, sources)).collect()
    };
    match format {
        Format::Human => each(&|report, sources| human::render(report, sources, colour)),
        Format::Json => each(&json::render),
        Format::Sarif => sarif::render(&reports),
        Format::Github => each(&github::render),
    }
}
