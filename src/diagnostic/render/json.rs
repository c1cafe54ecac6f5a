//! Renders a report as JSON lines: one object per diagnostic.

use serde_json::{Value, json};

use crate::diagnostic::report::{Diagnostic, Label, Report};
use crate::diagnostic::source::Sources;

/// Renders the diagnostics in the order of the files, one JSON object per line.
pub(super) fn render(report: &Report, sources: &Sources) -> String {
    let line = |diagnostic: &&Diagnostic| {
        let object = json!({
            "code": diagnostic.code.number(),
            "name": diagnostic.code.slug(),
            "severity": diagnostic.severity.name(),
            "message": diagnostic.message,
            "labels": diagnostic.labels.iter().map(|label| location(label, sources)).collect::<Value>(),
            "help": diagnostic.help,
        });
        format!("{object}\n")
    };
    report.sorted().iter().map(line).collect()
}

fn location(label: &Label, sources: &Sources) -> Value {
    let start = sources.position(label.span);
    json!({
        "file": sources.path(label.span.file).display().to_string(),
        "line": start.line,
        "column": start.column,
        "text": label.text,
    })
}
