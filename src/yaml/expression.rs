//! Expressions in scalars: `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${{ ENV.VAR }}`,
//! `${{ CONTEXT.x }}`, `${{ root.a[0].b }}`, `${{ this.x }}`, and Jina 0.x's `{root.metas.workspace}` at the beginning.
//! `$$` is an escaped dollar sign. This module only splits a text into parts; [`expand`](super::expand) evaluates them.

/// A part of a scalar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Literal text.
    Text(&'a str),
    /// A variable.
    Variable(Variable<'a>),
    /// A path to another scalar of the same file. It starts at the root (`from_root`), or else at the mapping that contains
    /// the expression. `written` is the whole expression.
    Reference { from_root: bool, path: &'a str, written: &'a str },
    /// Text that starts like an expression but is not a valid one. `reason` is the mistake, or the correct form.
    Malformed { written: &'a str, reason: &'static str },
}

/// A variable, and its fallback.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    pub(super) scope: Scope,
    pub(super) fallback: Fallback<'a>,
    /// The whole expression, such as `${NAME:-default}`.
    pub(super) written: &'a str,
}

/// Source of a variable's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The command line, then the environment.
    Any,
    /// The command line only.
    Context,
}

/// Behaviour when a variable has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fallback<'a> {
    /// It is an error.
    None,
    /// This text is used, which may contain expressions.
    Default(&'a str),
    /// It is an error with this message.
    Required(&'a str),
}

/// Splits a text into parts.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    if let Some((part, after)) = legacy_reference(text) {
        parts.push(part);
        rest = after;
    }
    while let Some(dollar) = rest.find('$') {
        let (before, expression) = rest.split_at(dollar);
        let (part, after) = expression_at_start(expression);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// `{root.a}` or `{this.a}`, which Jina 0.x expands at the start of a text; and the rest of the text.
fn legacy_reference(text: &str) -> Option<(Part<'_>, &str)> {
    let inside = text.strip_prefix('{')?;
    let (path, after) = inside.split_once('}')?;
    let reference = reference(path, text.get(..path.len() + 2)?)?;
    Some((reference, after))
}

/// The expression at the start of `text`, which starts with a dollar sign; and the rest of the text.
fn expression_at_start(text: &str) -> (Part<'_>, &str) {
    let after_dollar = text.get(1..).unwrap_or_default();
    if let Some(rest) = after_dollar.strip_prefix('$') {
        return (Part::Text("$"), rest);
    }
    if after_dollar.starts_with("{{") {
        return delimited(text, "${{", "}}", double_braced);
    }
    if after_dollar.starts_with('{') {
        return delimited(text, "${", "}", braced);
    }
    let length = identifier(after_dollar);
    if length == 0 {
        return (Part::Text("$"), after_dollar);
    }
    let (name, rest) = after_dollar.split_at(length);
    let written = text.get(..=length).unwrap_or_default();
    (Part::Variable(Variable { name, scope: Scope::Any, fallback: Fallback::None, written }), rest)
}

/// Parses the content between `open` and the matching `close` with `inside`.
fn delimited<'a>(
    text: &'a str,
    open: &str,
    close: &str,
    inside: fn(&'a str, &'a str) -> Part<'a>,
) -> (Part<'a>, &'a str) {
    let mut depth = 0_usize;
    for (offset, character) in text.char_indices().skip(open.len()) {
        let here = text.get(offset..).unwrap_or_default();
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' if here.starts_with(close) => {
                let end = offset + close.len();
                let content = text.get(open.len()..offset).unwrap_or_default();
                return (
                    inside(content, text.get(..end).unwrap_or_default()),
                    text.get(end..).unwrap_or_default(),
                );
            }
            _ => {}
        }
    }
    let reason = "the closing brace is missing";
    (Part::Malformed { written: text, reason }, "")
}

/// `VAR`, `VAR:-default` or `VAR:?message`.
fn braced<'a>(content: &'a str, written: &'a str) -> Part<'a> {
    let (name, rest) = content.split_at(identifier(content));
    let fallback = match rest.split_at_checked(2) {
        _ if rest.is_empty() => Fallback::None,
        Some((":-", default)) => Fallback::Default(default),
        Some((":?", message)) => Fallback::Required(message),
        _ => {
            return Part::Malformed {
                written,
                reason: "write `${VAR}`, `${VAR:-default}` or `${VAR:?message}`",
            };
        }
    };
    if name.is_empty() {
        return Part::Malformed { written, reason: "the name of the variable is missing" };
    }
    Part::Variable(Variable { name, scope: Scope::Any, fallback, written })
}

/// `ENV.VAR`, `CONTEXT.x`, `x`, `root.a[0].b` or `this.x`.
fn double_braced<'a>(content: &'a str, written: &'a str) -> Part<'a> {
    let content = content.trim();
    if let Some(reference) = reference(content, written) {
        return reference;
    }
    let (scope, name) = match content.split_once('.') {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case("env") => (Scope::Any, name),
        Some((prefix, name)) if prefix.eq_ignore_ascii_case("context") => (Scope::Context, name),
        _ => (Scope::Any, content),
    };
    if name.is_empty() || identifier(name) != name.len() {
        let reason = "write `${{ ENV.VAR }}`, `${{ CONTEXT.x }}`, `${{ root.a.b }}` or `${{ this.a }}`";
        return Part::Malformed { written, reason };
    }
    Part::Variable(Variable { name, scope, fallback: Fallback::None, written })
}

fn reference<'a>(content: &'a str, written: &'a str) -> Option<Part<'a>> {
    let (from_root, path) = match content.split_once('.')? {
        ("root", path) => (true, path),
        ("this", path) => (false, path),
        _ => return None,
    };
    Some(Part::Reference { from_root, path, written })
}

/// Length in bytes of the identifier at the start of `text`.
fn identifier(text: &str) -> usize {
    match text.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() || first == b'_' => {}
        _ => return 0,
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable<'a>(name: &'a str, written: &'a str) -> Part<'a> {
        Part::Variable(Variable { name, scope: Scope::Any, fallback: Fallback::None, written })
    }

    #[test]
    fn every_form_is_recognised() {
        assert_eq!(parts("$A"), [variable("A", "$A")]);
        assert_eq!(parts("x${A_1}y"), [Part::Text("x"), variable("A_1", "${A_1}"), Part::Text("y")]);
        assert_eq!(parts("${{ENV.A}}"), [variable("A", "${{ENV.A}}")]);
        assert_eq!(
            parts("${{ env.A }}/$B"),
            [variable("A", "${{ env.A }}"), Part::Text("/"), variable("B", "$B")]
        );
        assert_eq!(parts("${{ k }}"), [variable("k", "${{ k }}")]);
        let context = Part::Variable(Variable {
            name: "k",
            scope: Scope::Context,
            fallback: Fallback::None,
            written: "${{ CONTEXT.k }}",
        });
        assert_eq!(parts("${{ CONTEXT.k }}"), [context]);
        assert_eq!(
            parts("${{root.a[0].b}}"),
            [Part::Reference { from_root: true, path: "a[0].b", written: "${{root.a[0].b}}" }]
        );
        assert_eq!(
            parts("{this.x}/y"),
            [Part::Reference { from_root: false, path: "x", written: "{this.x}" }, Part::Text("/y")]
        );
    }

    #[test]
    fn defaults_may_contain_braces_and_expressions() {
        let [Part::Variable(variable)] = &parts("${A:-${B:-{}}}")[..] else { panic!("one variable") };
        assert_eq!(variable.fallback, Fallback::Default("${B:-{}}"));
        let [Part::Variable(variable)] = &parts("${A:?set it}")[..] else { panic!("one variable") };
        assert_eq!(variable.fallback, Fallback::Required("set it"));
    }

    #[test]
    fn dollar_signs_outside_expressions_are_literal() {
        assert_eq!(parts("a$"), [Part::Text("a"), Part::Text("$")]);
        assert_eq!(parts("$5"), [Part::Text("$"), Part::Text("5")]);
        assert_eq!(parts("$$A"), [Part::Text("$"), Part::Text("A")]);
        assert_eq!(parts("{x}"), [Part::Text("{x}")]);
    }

    #[test]
    fn incomplete_expressions_are_malformed() {
        for text in ["${A", "${}", "${A:+x}", "${{ }}", "${{ a.b }}", "${1}"] {
            assert!(matches!(parts(text)[..], [Part::Malformed { .. }]), "{text}");
        }
    }
}
