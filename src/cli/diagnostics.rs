//! Diagnostics of a flow file on standard error, and their count.

use std::io::Write as _;

use super::terminal::{has_colour, is_json};
use crate::diagnostic::{Format, Report, Severity, Sources, render};

/// Last line of a check without diagnostics.
pub(super) const NO_PROBLEMS: &str = "no problems found";

/// Prints the diagnostics of severity `least` and above to standard error, and their counts if there are errors. With
/// the JSON log format, diagnostics are JSON lines without counts.
pub(super) fn print_diagnostics(report: &Report, sources: &Sources, least: Severity) -> std::io::Result<()> {
    let shown = report.at_least(least);
    let mut out = std::io::stderr().lock();
    let format = if is_json() { Format::Json } else { Format::Human };
    out.write_all(render(&shown, sources, format, has_colour(&out)).as_bytes())?;
    if report.has_errors() && !is_json() {
        writeln!(out, "{}", counts(report))?;
    }
    out.flush()
}

/// Number of diagnostics by severity, as in `1 error, 2 warnings`.
pub(super) fn counts(report: &Report) -> String {
    let count = |severity: Severity| {
        let count = report.count(severity);
        (count > 0).then(|| format!("{count} {}{}", severity.name(), if count == 1 { "" } else { "s" }))
    };
    let counts: Vec<String> =
        [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(count).collect();
    if counts.is_empty() {
        return NO_PROBLEMS.to_owned();
    }
    let omitted = match report.omitted() {
        0 => String::new(),
        omitted => format!(" ({omitted} not shown)"),
    };
    let lenient = if report.lenient_accepts_all() { "; `--lenient` runs it as Jina would" } else { "" };
    format!("{}{omitted}{lenient}", counts.join(", "))
}
