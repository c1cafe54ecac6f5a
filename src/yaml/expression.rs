//! The expressions that a scalar may hold: `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR:?message}`, `${{ ENV.VAR }}`,
//! `${{ CONTEXT.x }}`, `${{ root.a[0].b }}`, `${{ this.x }}`, and Jina 0.x's `{root.metas.workspace}` at the beginning.
//! `$$` stands for a dollar sign. This file takes a text apart; what the parts stand for is found out elsewhere.

/// A part of a scalar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text as it is.
    Text(&'a str),
    /// A variable.
    Variable(Variable<'a>),
    /// A path to another scalar of the same file.
    Reference { from_root: bool, path: &'a str, written: &'a str },
    /// What starts as an expression and is none.
    Malformed { written: &'a str, reason: &'static str },
}

/// A variable, and what to do when it has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    pub(super) scope: Scope,
    pub(super) fallback: Fallback<'a>,
    pub(super) written: &'a str,
}

/// Where a variable's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// What the command line sets, then the environment.
    Any,
    /// What the command line sets, alone.
    Context,
}

/// What to do when a variable has no value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fallback<'a> {
    None,
    /// The text to take instead; may hold expressions itself.
    Default(&'a str),
    /// What to tell the user.
    Required(&'a str),
}

/// Takes a text apart.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    if let Some((part, behind)) = legacy_reference(text) {
        parts.push(part);
        rest = behind;
    }
    while let Some(dollar) = rest.find('$') {
        let (before, expression) = rest.split_at(dollar);
        let (part, behind) = expression_at_start(expression);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(part);
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// `{root.a}` or `{this.a}`, which Jina 0.x reads at the beginning of a text.
fn legacy_reference(text: &str) -> Option<(Part<'_>, &str)> {
    let inside = text.strip_prefix('{')?;
    let (path, behind) = inside.split_once('}')?;
    let reference = reference(path, text.get(..path.len() + 2)?)?;
    Some((reference, behind))
}

/// The expression that `text`, which starts with a dollar sign, starts with; and what is behind it.
fn expression_at_start(text: &str) -> (Part<'_>, &str) {
    let behind_dollar = text.get(1..).unwrap_or_default();
    if let Some(rest) = behind_dollar.strip_prefix('$') {
        return (Part::Text("$"), rest);
    }
    if behind_dollar.starts_with("{{") {
        return delimited(text, "${{", "}}", double_braced);
    }
    if behind_dollar.starts_with('{') {
        return delimited(text, "${", "}", braced);
    }
    let length = identifier(behind_dollar);
    if length == 0 {
        return (Part::Text("$"), behind_dollar);
    }
    let (name, rest) = behind_dollar.split_at(length);
    let written = text.get(..=length).unwrap_or_default();
    (Part::Variable(Variable { name, scope: Scope::Any, fallback: Fallback::None, written }), rest)
}

/// What stands between `open` and the `close` that belongs to it.
fn delimited<'a>(
    text: &'a str,
    open: &str,
    close: &str,
    inside: fn(&'a str, &'a str) -> Part<'a>,
) -> (Part<'a>, &'a str) {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices().skip(open.len()) {
        let here = text.get(at..).unwrap_or_default();
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' if here.starts_with(close) => {
                let end = at + close.len();
                let content = text.get(open.len()..at).unwrap_or_default();
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
        return Part::Malformed { written, reason: "a variable's name is missing" };
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

/// How many bytes at the beginning of `text` form a name.
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
    fn defaults_may_hold_braces_and_expressions() {
        let [Part::Variable(variable)] = &parts("${A:-${B:-{}}}")[..] else { panic!("one variable") };
        assert_eq!(variable.fallback, Fallback::Default("${B:-{}}"));
        let [Part::Variable(variable)] = &parts("${A:?set it}")[..] else { panic!("one variable") };
        assert_eq!(variable.fallback, Fallback::Required("set it"));
    }

    #[test]
    fn a_dollar_sign_that_starts_nothing_stays() {
        assert_eq!(parts("a$"), [Part::Text("a"), Part::Text("$")]);
        assert_eq!(parts("$5"), [Part::Text("$"), Part::Text("5")]);
        assert_eq!(parts("$$A"), [Part::Text("$"), Part::Text("A")]);
        assert_eq!(parts("{x}"), [Part::Text("{x}")]);
    }

    #[test]
    fn what_starts_as_an_expression_and_is_none_is_malformed() {
        for text in ["${A", "${}", "${A:+x}", "${{ }}", "${{ a.b }}", "${1}"] {
            assert!(matches!(parts(text)[..], [Part::Malformed { .. }]), "{text}");
        }
    }
}
