//! Reports as text: for people, for programs, for code scanning, for pull requests.

mod github;
mod human;
mod json;
mod sarif;

use super::{Report, Sources};

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: the lines concerned, with what is wrong beneath.
    #[default]
    Human,
    /// One JSON object for each diagnostic, a line each.
    Json,
    /// SARIF 2.1.0, as code scanning reads it.
    Sarif,
    /// Workflow commands that annotate a pull request on GitHub.
    Github,
}

/// The report as text; `colour` is for terminals and concerns the human form alone.
pub fn render(report: &Report, sources: &Sources, format: Format, colour: bool) -> String {
    match format {
        Format::Human => human::render(report, sources, colour),
        Format::Json => json::render(report, sources),
        Format::Sarif => sarif::render(report, sources),
        Format::Github => github::render(report, sources),
    }
}
