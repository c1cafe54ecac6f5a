//! Replaces the expressions of one scalar by their values.

use super::environment::Environment;
use super::expression::{Fallback, Part, Scope, Variable, parts};
use super::node::{Origin, Scalar};
use crate::diagnostic::{Code, Diagnostic, Report, Severity, Span, VariableTexts, did_you_mean};

/// Expands the expressions of scalars, and reports those without a value.
pub(super) struct Expander<'a> {
    pub(super) environment: &'a Environment,
    /// Receives the values of variables, so that they are not printed.
    pub(super) variables: &'a mut VariableTexts,
    pub(super) report: &'a mut Report,
}

/// Looks up the target of a reference. The arguments are whether its path starts at the root (otherwise at the mapping that
/// contains the scalar), and the path. Returns `None` if no scalar is there, or if that one has not been expanded yet.
pub(super) type Lookup<'a> = &'a dyn Fn(bool, &str) -> Option<Scalar>;

impl Expander<'_> {
    /// Sets the text of `scalar`, at `span`, to its expanded form. `lookup` finds the targets of its references.
    pub(super) fn expand(&mut self, scalar: &mut Scalar, span: Span, lookup: Lookup<'_>) {
        let written = scalar.written.clone();
        let mut text = String::new();
        let mut origin = Origin::File;
        scalar.from_variable = false;
        let errors_before = self.report.count(Severity::Error);
        for part in parts(&written) {
            let is_start = text.is_empty();
            let from_variable = self.append(&part, &written, span, lookup, &mut text);
            scalar.from_variable |= from_variable;
            if is_start && from_variable && matches!(part, Part::Variable(_)) && !text.is_empty() {
                origin = Origin::Variable;
            }
        }
        if scalar.from_variable {
            self.variables.insert(&text, &written);
        }
        scalar.text = text;
        scalar.origin = origin;
        if self.report.count(Severity::Error) > errors_before {
            // A scalar without a value counts as absent, so that one mistake is not reported twice.
            scalar.text.clear();
            scalar.plain = true;
        }
    }

    /// Appends the value of `part`. Returns whether a variable supplied any of it.
    fn append(
        &mut self,
        part: &Part<'_>,
        written: &str,
        span: Span,
        lookup: Lookup<'_>,
        text: &mut String,
    ) -> bool {
        let location = |expression: &str| locate(span, written, expression);
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Reference { from_root, path, written } => match lookup(*from_root, path) {
                Some(target) => {
                    text.push_str(&target.text);
                    return target.from_variable;
                }
                None => self.report.push(unresolved(location(written), written)),
            },
            Part::Malformed { written, reason } => {
                let message = format!("`{written}` is not a valid expression: {reason}");
                let malformed = Diagnostic::at(Code::MalformedExpression, location(written), message);
                self.report.push(malformed.help("write `$$` for a dollar sign"));
                // Jina leaves it as text, and so does `--lenient`.
                text.push_str(written);
            }
            Part::Variable(variable) => {
                match (self.environment.get(variable.name, variable.scope), &variable.fallback) {
                    // As in a shell, `:-` and `:?` treat an empty value as unset.
                    (Some(value), fallback) if !value.is_empty() || *fallback == Fallback::None => {
                        text.push_str(value);
                        self.variables.insert(value, variable.written);
                        return true;
                    }
                    (_, Fallback::Default(default)) => {
                        let mut from_variable = false;
                        for part in parts(default) {
                            from_variable |= self.append(&part, written, span, lookup, text);
                        }
                        return from_variable;
                    }
                    _ => {
                        self.report.push(self.unset(variable, location(variable.written)));
                        // Jina leaves the expression as text, and so does `--lenient`.
                        text.push_str(variable.written);
                    }
                }
            }
        }
        false
    }

    fn unset(&self, variable: &Variable<'_>, span: Span) -> Diagnostic {
        let name = variable.name;
        let message = match variable.fallback {
            Fallback::Required(reason) if !reason.is_empty() => format!("`{name}` is not set: {reason}"),
            _ => format!("`{name}` is not set"),
        };
        let set = match variable.scope {
            Scope::Any => format!(
                "set it with `{name}=… flowrun …` or `--set {name}=…`, or write `${{{name}:-default}}`"
            ),
            Scope::Context => format!("set it with `--set {name}=…`"),
        };
        let suggestion = did_you_mean(name, self.environment.names());
        Diagnostic::at(Code::VariableUnset, span, message).maybe_help(suggestion).help(set)
    }
}

fn unresolved(span: Span, written: &str) -> Diagnostic {
    let message = format!("`{written}` has no scalar as its target in this file");
    let help = "a reference is a path to a string, number or boolean, from `root` or from `this` mapping: `${{ root.with.port }}`";
    Diagnostic::at(Code::ReferenceUnresolved, span, message).help(help)
}

/// The span of `expression` in the scalar `written` at `span`; that of the whole scalar when escapes or line breaks make
/// the position ambiguous.
fn locate(span: Span, written: &str, expression: &str) -> Span {
    let quotes = (span.end - span.start).checked_sub(written.len()).filter(|extra| matches!(extra, 0 | 2));
    match (quotes, written.find(expression)) {
        (Some(quotes), Some(offset)) => {
            let start = span.start + quotes / 2 + offset;
            Span { start, end: start + expression.len(), ..span }
        }
        _ => span,
    }
}
