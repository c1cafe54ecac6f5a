//! Renders a report as SARIF 2.1.0, for code scanning: the required properties only, with the help in the message.

use serde_json::{Value, json};

use crate::diagnostic::code::Code;
use crate::diagnostic::report::{Diagnostic, Label, Report};
use crate::diagnostic::source::{Sources, Span};

/// Renders all reports as the results of one run.
pub(super) fn render(reports: &[(Report, &Sources)]) -> String {
    let rules: Value = Code::ALL.iter().map(|code| rule(*code)).collect();
    let results: Value = reports
        .iter()
        .flat_map(|(report, sources)| {
            report.sorted().into_iter().map(|diagnostic| result(diagnostic, sources))
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "flowrun", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.number(),
        "name": code.slug(),
        "shortDescription": {"text": code.documentation().trim()},
        "defaultConfiguration": {"level": code.severity().name()},
    })
}

fn result(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let text =
        std::iter::once(&diagnostic.message).chain(&diagnostic.help).cloned().collect::<Vec<_>>().join("\n");
    let (first, others) = diagnostic.labels.split_at(diagnostic.labels.len().min(1));
    let locations = |labels: &[Label]| labels.iter().map(|label| location(label, sources)).collect::<Value>();
    json!({
        "ruleId": diagnostic.code.number(),
        "level": diagnostic.severity.name(),
        "message": {"text": text},
        "locations": locations(first),
        "relatedLocations": locations(others),
    })
}

fn location(label: &Label, sources: &Sources) -> Value {
    let span = sources.trimmed(label.span);
    let (start, end) = (sources.position(span), sources.position(Span { start: span.end, ..span }));
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": sources.path(span.file).display().to_string()},
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        },
        "message": {"text": label.text},
    })
}
