//! A diagnostic, and the report that collects those of all stages.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::limits::DIAGNOSTICS_MAX;

use super::code::{Code, Severity};
use super::source::Span;
use super::variable_texts::VariableTexts;

/// A remark on a span of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The span.
    pub span: Span,
    /// The remark; empty for the location of the message itself.
    pub text: String,
}

/// One mistake or note.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Stable code.
    pub code: Code,
    /// Severity in this run.
    pub severity: Severity,
    /// Description: a fragment in lower case.
    pub message: String,
    /// Locations; empty when no file is concerned. Line and column of the diagnostic are taken from the first one.
    pub labels: Vec<Label>,
    /// Corrections: what to type, one line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic without a location.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A diagnostic at `span`.
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, message).label(span, "")
    }

    /// Adds a location, with a remark on it, or an empty text.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a correction.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds a correction, if there is one.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The location whose line and column the diagnostic has.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// Policy of a run, which lowers the severity of some codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Errors that Jina accepts silently become warnings.
    pub lenient: bool,
    /// The flow is drawn but not run: errors that only concern running become warnings.
    pub inspect: bool,
}

/// The diagnostics of all stages so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    /// Digests of all diagnostics, including omitted ones.
    digests: HashSet<u64>,
    /// Number of diagnostics by severity, including omitted ones.
    counts: BTreeMap<Severity, usize>,
    policy: Policy,
}

impl Report {
    /// An empty report.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The policy of the run.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Adds a diagnostic. Duplicates, for example from a file that two pods use, count once. Beyond [`DIAGNOSTICS_MAX`], the most
    /// severe ones are kept.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        let lenient = self.policy.lenient && diagnostic.code.accepted_by_jina();
        let inspected = self.policy.inspect && diagnostic.code.blocks_run_only();
        if lenient || inspected {
            diagnostic.severity = diagnostic.severity.min(Severity::Warning);
        }
        if !self.digests.insert(digest(&diagnostic)) {
            return;
        }
        *self.counts.entry(diagnostic.severity).or_default() += 1;
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        } else if let Some(least) = self.diagnostics.iter_mut().min_by_key(|kept| kept.severity)
            && least.severity < diagnostic.severity
        {
            *least = diagnostic;
        }
    }

    /// True if there is a diagnostic with this code and message, at any location.
    pub fn contains(&self, code: Code, message: &str) -> bool {
        self.diagnostics.iter().any(|known| known.code == code && known.message == message)
    }

    /// Number of diagnostics, including omitted ones.
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// Number of diagnostics that were omitted.
    pub fn omitted(&self) -> usize {
        self.len() - self.diagnostics.len()
    }

    /// True if there are no diagnostics.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// True if an error blocks the next stage.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// True if there are errors and Jina accepts all of them silently.
    pub fn lenient_accepts_all(&self) -> bool {
        let mut errors =
            self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).peekable();
        errors.peek().is_some() && errors.all(|diagnostic| diagnostic.code.accepted_by_jina())
    }

    /// Number of diagnostics of a severity, including omitted ones.
    pub fn count(&self, severity: Severity) -> usize {
        self.counts.get(&severity).copied().unwrap_or(0)
    }

    /// The diagnostics of a severity or above.
    #[must_use]
    pub fn at_least(&self, severity: Severity) -> Self {
        let diagnostics = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity >= severity);
        let counts = self.counts.range(severity..);
        Self {
            diagnostics: diagnostics.cloned().collect(),
            counts: counts.map(|(severity, count)| (*severity, *count)).collect(),
            ..self.clone()
        }
    }

    /// The report with expressions instead of the values of variables.
    #[must_use]
    pub(super) fn as_written(&self, variables: &VariableTexts) -> Self {
        let written = |text: &String| variables.as_written(text).into_owned();
        let diagnostics = self.diagnostics.iter().map(|diagnostic| Diagnostic {
            message: written(&diagnostic.message),
            labels: diagnostic
                .labels
                .iter()
                .map(|label| Label { text: written(&label.text), ..label.clone() })
                .collect(),
            help: diagnostic.help.iter().map(written).collect(),
            ..diagnostic.clone()
        });
        Self { diagnostics: diagnostics.collect(), ..self.clone() }
    }

    /// The diagnostics in the order of files and locations.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span());
        sorted
    }
}

fn digest(diagnostic: &Diagnostic) -> u64 {
    let mut hasher = DefaultHasher::new();
    diagnostic.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_counts_once_even_if_the_first_was_omitted_or_replaced() {
        let note = |number: usize| Diagnostic::new(Code::WithoutEffect, format!("note {number}"));
        let error = |number: usize| Diagnostic::new(Code::UnknownNeeds, format!("error {number}"));
        let mut report = Report::default();
        for _ in 0..3 {
            (0..DIAGNOSTICS_MAX + 7).for_each(|number| report.push(note(number)));
            (0..5).for_each(|number| report.push(error(number)));
        }
        assert_eq!((report.len(), report.omitted()), (DIAGNOSTICS_MAX + 12, 12));
        assert_eq!((report.count(Severity::Error), report.at_least(Severity::Error).len()), (5, 5));
    }
}
