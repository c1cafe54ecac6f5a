//! Renders a report for people: the lines concerned, annotated, and corrections.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::code::Severity;
use crate::diagnostic::report::{Diagnostic, Label, Report};
use crate::diagnostic::source::{FileId, Sources};

/// Renders the diagnostics in the order of the files. With `colour`, the text has ANSI escape sequences.
pub(super) fn render(report: &Report, sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in report.sorted() {
        text.push_str(&renderer.render(&[group(diagnostic, sources)]));
        text.push_str("\n\n");
    }
    text
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let title =
        level(diagnostic.severity).primary_title(diagnostic.message.as_str()).id(diagnostic.code.number());
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str()));
    Group::with_title(title).elements(snippets(diagnostic, sources)).elements(help)
}

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// One snippet per file of the labels, the first label's file first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
    let mut files: Vec<FileId> = diagnostic.labels.iter().map(|label| label.span.file).collect();
    files.dedup();
    let snippet = |file: FileId| {
        let labels = diagnostic.labels.iter().enumerate().filter(move |(_, label)| label.span.file == file);
        let kind = |position| if position == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        Snippet::source(sources.text(file).to_string())
            .path(sources.path(file).display().to_string())
            .annotations(labels.map(|(position, label)| annotation(kind(position), label, sources)))
    };
    files.into_iter().map(snippet).collect()
}

/// A label under its span. A multi-line span is cut to its first line, which is enough to find it.
fn annotation<'a>(
    kind: AnnotationKind,
    label: &'a Label,
    sources: &Sources,
) -> annotate_snippets::Annotation<'a> {
    let span = sources.trimmed(label.span);
    let first_line = sources.slice(span).lines().next().map_or(0, |line| line.trim_end().len());
    let annotation = kind.span(span.start..span.start + first_line);
    if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
}
