//! `tokens`: tokens of clients, each with a role.
//!
//! A flow file names variables and files. It cannot contain a token itself, so that no token is printed with the flow.

use std::path::PathBuf;

use super::choices::Word;
use super::fields::Fields;
use super::keys::{FILE, ROLE, SERVED_TOKEN, VARIABLE};
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::routes::Role;
use crate::yaml::Node;

/// A token that clients of a served flow may send.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TokenSpec {
    /// Role of its clients; each includes the ones before it.
    pub role: Role,
    /// Location of its value, which is read when the flow is served.
    pub source: TokenSource,
}

/// Location of the value of a token.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TokenSource {
    /// Name of an environment variable.
    Variable(String),
    /// A file that contains the token alone; white space around it is ignored.
    File(PathBuf),
}

impl Word for Role {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Read.name(), Self::Read),
        (Self::Write.name(), Self::Write),
        (Self::Admin.name(), Self::Admin),
    ];
}

const HELP: &str = "write `{role: read, variable: NAME}` or `{role: read, file: PATH}`";

/// Reads `tokens`, a list of mappings.
pub(super) fn tokens(items: &[Node], reader: &mut Reader<'_>) -> Vec<TokenSpec> {
    items.iter().filter_map(|item| token(item, reader)).collect()
}

fn token(node: &Node, reader: &mut Reader<'_>) -> Option<TokenSpec> {
    let fields = reader.fields_of(Some(node), &SERVED_TOKEN);
    let source = source(node, &fields, HELP, reader)?;
    let is_given = |name: &str| node.mapping().is_some_and(|token| token.get(name).is_some());
    match fields.get(&ROLE) {
        Some(role) => Some(TokenSpec { role, source }),
        // A role of another name is reported already.
        None if is_given(ROLE.name().as_str()) => None,
        None => {
            let message = "a token needs a `role`: `read`, `write` or `admin`";
            reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(HELP));
            None
        }
    }
}

/// Reads the location of the value of a token from the `fields` of `node`. `help` shows how to write it.
pub(super) fn source(
    node: &Node,
    fields: &Fields<'_>,
    help: &str,
    reader: &mut Reader<'_>,
) -> Option<TokenSource> {
    let mistake = |code, span, message: &str| Diagnostic::at(code, span, message).help(help);
    match (fields.node(&VARIABLE), reader.path(fields.get(&FILE))) {
        (Some(variable), None) => variable_name(variable, reader),
        (None, Some(file)) => Some(TokenSource::File(file)),
        (Some(variable), Some(_)) => {
            let message = "a token has either a `variable` or a `file`";
            reader.report.push(mistake(Code::ConflictingKeys, variable.span, message));
            None
        }
        // Of another type, which is reported already.
        (None, None) if node.mapping().is_none_or(|token| token.get(FILE.name().as_str()).is_some()) => None,
        (None, None) => {
            let message = "a token needs a `variable` or a `file` that contains it";
            reader.report.push(mistake(Code::MissingKey, node.span, message));
            None
        }
    }
}

/// Reads the name of a variable. It must not be an expression, whose value, the token, would become part of the flow.
fn variable_name(node: &Node, reader: &mut Reader<'_>) -> Option<TokenSource> {
    let is_name = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && text.starts_with(|first: char| !first.is_ascii_digit())
    };
    let name = node.scalar().filter(|scalar| !scalar.from_variable && is_name(&scalar.text));
    match name {
        Some(name) => Some(TokenSource::Variable(name.text.clone())),
        None => {
            reader.report.push(not_a_name(node.span));
            None
        }
    }
}

fn not_a_name(span: Span) -> Diagnostic {
    let message = "`variable` must be the name of an environment variable: letters, digits and `_`";
    Diagnostic::at(Code::WrongType, span, message)
        .help("write the name itself, without `$` or an expression: `variable: READ_TOKEN`")
}
