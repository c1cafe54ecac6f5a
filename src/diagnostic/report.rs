//! A diagnostic, and the list of them that a stage hands on.

use std::collections::BTreeMap;

use crate::limits::DIAGNOSTICS_MAX;

use super::{Code, Severity, Span};

/// A place in a file and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is to be said; may be empty where the place speaks for itself.
    pub text: String,
}

/// One thing that is wrong or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of thing; stable.
    pub code: Code,
    /// How bad it is, in this run.
    pub severity: Severity,
    /// What is wrong: a fragment in lower case.
    pub message: String,
    /// Where. The first one is the place that line and column are given for; none when no file is to blame.
    pub labels: Vec<Label>,
    /// What to type, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic of that kind, not yet at any place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A diagnostic of that kind at `span`.
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, message).label(span, "")
    }

    /// The same, pointing at one place more.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same, saying what to type.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// The same, saying what to type if there is something to say.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The place that line and column are given for.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// What the file is read for, which decides how bad some things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Errors that Jina does not make are warnings.
    pub lenient: bool,
    /// The flow is drawn or checked and not run, so what hinders running alone is a warning.
    pub inspect: bool,
}

/// What the stages had to say so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    /// How many there were of each severity, kept or not.
    counts: BTreeMap<Severity, usize>,
    policy: Policy,
}

impl Report {
    /// An empty report.
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// What the files are read for.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Takes a diagnostic in. The same one twice, as from a file read for two pods, counts once. Of more than are kept
    /// the worst are.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        let lenient = self.policy.lenient && diagnostic.code.accepted_by_jina();
        let inspected = self.policy.inspect && diagnostic.code.blocks_run_only();
        if lenient || inspected {
            diagnostic.severity = diagnostic.severity.min(Severity::Warning);
        }
        if self.diagnostics.contains(&diagnostic) {
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

    /// How many diagnostics there are, kept or not.
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// How many diagnostics were more than are kept.
    pub fn omitted(&self) -> usize {
        self.len() - self.diagnostics.len()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether an error stands in the way of the next stage.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Whether there are errors and all of them are such that Jina does not make.
    pub fn lenient_accepts_all(&self) -> bool {
        let mut errors =
            self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).peekable();
        errors.peek().is_some() && errors.all(|diagnostic| diagnostic.code.accepted_by_jina())
    }

    /// How many diagnostics are that bad, kept or not.
    pub fn count(&self, severity: Severity) -> usize {
        self.counts.get(&severity).copied().unwrap_or(0)
    }

    /// The diagnostics that are at least that bad.
    #[must_use]
    pub fn at_least(&self, severity: Severity) -> Self {
        let diagnostics = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity >= severity);
        let counts = self.counts.range(severity..);
        Self {
            diagnostics: diagnostics.cloned().collect(),
            counts: counts.map(|(severity, count)| (*severity, *count)).collect(),
            policy: self.policy,
        }
    }

    /// The diagnostics in the order of the files and of the places in them.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span());
        sorted
    }
}
