//! For programs: one JSON object for each diagnostic, a line each.

use serde_json::{Value, json};

use super::super::{Label, Report, Sources};

pub(super) fn render(report: &Report, sources: &Sources) -> String {
    let line = |diagnostic: &&super::super::Diagnostic| {
        let object = json!({
            "code": diagnostic.code.number(),
            "name": diagnostic.code.slug(),
            "severity": diagnostic.severity.name(),
            "message": diagnostic.message,
            "labels": diagnostic.labels.iter().map(|label| place(label, sources)).collect::<Value>(),
            "help": diagnostic.help,
        });
        format!("{object}\n")
    };
    report.sorted().iter().map(line).collect()
}

fn place(label: &Label, sources: &Sources) -> Value {
    let start = sources.position(label.span);
    json!({
        "file": sources.path(label.span.file).display().to_string(),
        "line": start.line,
        "column": start.column,
        "text": label.text,
    })
}
