//! Workflow commands that annotate a pull request on GitHub: `::error file=…,line=…,col=…,title=…::message`.

use super::super::{Diagnostic, Report, Severity, Sources};

pub(super) fn render(report: &Report, sources: &Sources) -> String {
    report.sorted().into_iter().map(|diagnostic| line(diagnostic, sources)).collect()
}

fn line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let command = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let place = diagnostic.span().map(|span| {
        let start = sources.position(span);
        let file = property(&sources.path(span.file).display().to_string());
        format!("file={file},line={},col={},", start.line, start.column)
    });
    let title = property(&format!("{} {}", diagnostic.code.number(), diagnostic.code.slug()));
    let message =
        std::iter::once(&diagnostic.message).chain(&diagnostic.help).cloned().collect::<Vec<_>>().join("\n");
    format!("::{command} {}title={title}::{}\n", place.unwrap_or_default(), data(&message))
}

/// Escapes the text behind the `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
