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

/// Renders the report. `colour` only affects [`Format::Human`].
pub fn render(report: &Report, sources: &Sources, format: Format, colour: bool) -> String {
    match format {
        Format::Human => human::render(report, sources, colour),
        Format::Json => json::render(report, sources),
        Format::Sarif => sarif::render(report, sources),
        Format::Github => github::render(report, sources),
    }
}
