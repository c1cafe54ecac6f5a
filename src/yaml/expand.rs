//! Puts values in place of the expressions of one scalar.

use super::Environment;
use super::expression::{Fallback, Part, Scope, Variable, parts};
use super::node::{Origin, Scalar};
use crate::diagnostic::{Code, Diagnostic, Report, Severity, Span, did_you_mean};

/// Expands the expressions of scalars and reports those that have no value.
pub(super) struct Expander<'a> {
    pub(super) environment: &'a Environment,
    pub(super) report: &'a mut Report,
}

/// What a reference stands for, if that is known by now.
pub(super) type Lookup<'a> = &'a dyn Fn(bool, &str) -> Option<String>;

impl Expander<'_> {
    /// Sets the text of `scalar`, which stands at `span`, to what its expressions stand for.
    pub(super) fn expand(&mut self, scalar: &mut Scalar, span: Span, lookup: Lookup<'_>) {
        let written = scalar.written.clone();
        let mut text = String::new();
        let mut origin = Origin::File;
        let mistakes = self.report.count(Severity::Error);
        for part in parts(&written) {
            let begins = text.is_empty();
            let from_variable = self.append(&part, &written, span, lookup, &mut text);
            if begins && from_variable && !text.is_empty() {
                origin = Origin::Variable;
            }
        }
        scalar.text = text;
        scalar.origin = origin;
        if self.report.count(Severity::Error) > mistakes {
            // What has no value counts as absent, so that one mistake is not reported as two.
            scalar.text.clear();
            scalar.plain = true;
        }
    }

    /// Appends what `part` stands for; tells whether a variable of the environment supplied it.
    fn append(
        &mut self,
        part: &Part<'_>,
        written: &str,
        span: Span,
        lookup: Lookup<'_>,
        text: &mut String,
    ) -> bool {
        let at = |expression: &str| place(span, written, expression);
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Reference { from_root, path, written } => match lookup(*from_root, path) {
                Some(value) => text.push_str(&value),
                None => self.report.push(unresolved(at(written), written)),
            },
            Part::Malformed { written, reason } => {
                let message = format!("`{written}` is not an expression: {reason}");
                let malformed = Diagnostic::at(Code::MalformedExpression, at(written), message);
                self.report.push(malformed.help("write `$$` for a dollar sign"));
            }
            Part::Variable(variable) => {
                match (self.environment.get(variable.name, variable.scope), &variable.fallback) {
                    // As in a shell, `:-` and `:?` take an empty value for none.
                    (Some(value), fallback) if !value.is_empty() || *fallback == Fallback::None => {
                        text.push_str(value);
                        return true;
                    }
                    (_, Fallback::Default(default)) => {
                        for part in parts(default) {
                            self.append(&part, written, span, lookup, text);
                        }
                    }
                    _ => {
                        self.report.push(self.unset(variable, at(variable.written)));
                        // Jina leaves it as it is written; where that is an error, nobody reads this.
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
        let meant = did_you_mean(name, self.environment.names());
        Diagnostic::at(Code::VariableUnset, span, message).maybe_help(meant).help(set)
    }
}

fn unresolved(span: Span, written: &str) -> Diagnostic {
    let message = format!("`{written}` leads to no text in this file");
    let help = "a reference names a text, number or truth value, from `root` or from `this` mapping, as in `${{ root.with.port }}`";
    Diagnostic::at(Code::ReferenceUnresolved, span, message).help(help)
}

/// Where `expression` stands inside the scalar `written` at `span`; the whole scalar when escapes or line breaks make
/// that hard to tell.
fn place(span: Span, written: &str, expression: &str) -> Span {
    let quotes = (span.end - span.start).checked_sub(written.len()).filter(|extra| matches!(extra, 0 | 2));
    match (quotes, written.find(expression)) {
        (Some(quotes), Some(offset)) => {
            let start = span.start + quotes / 2 + offset;
            Span { start, end: start + expression.len(), ..span }
        }
        _ => span,
    }
}
