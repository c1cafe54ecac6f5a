//! Renders a report as GitHub workflow commands, which annotate a pull request:
//! `::error file=…,line=…,col=…,title=…::message`.

use crate::diagnostic::code::Severity;
use crate::diagnostic::report::{Diagnostic, Report};
use crate::diagnostic::source::Sources;

/// Renders the diagnostics in the order of the files, one command per line.
pub(super) fn render(report: &Report, sources: &Sources) -> String {
    report.sorted().into_iter().map(|diagnostic| line(diagnostic, sources)).collect()
}

fn line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let location = diagnostic.span().map(|span| {
        let start = sources.position(span);
        let file = property(&sources.path(span.file).display().to_string());
        format!("file={file},line={},col={},", start.line, start.column)
    });
    let title = property(&format!("{} {}", diagnostic.code.number(), diagnostic.code.slug()));
    let message =
        std::iter::once(&diagnostic.message).chain(&diagnostic.help).cloned().collect::<Vec<_>>().join("\n");
    format!("::{command} {}title={title}::{}\n", location.unwrap_or_default(), data(&message))
}

/// Escapes the text after the `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
