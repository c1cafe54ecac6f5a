//! `cors`: web pages of other origins that may call a served flow.
//!
//! The gateway enforces it in `gateway::browsers`.

use super::reader::Reader;
use super::value::{flag, texts};
use crate::diagnostic::{Code, Diagnostic, Spanned};
use crate::yaml::Node;

/// Accepted values of `cors`, in words.
pub(super) const CORS_VALUES: &str = "true, false, or a list of origins";

/// Web pages of other origins that may call a flow and read its replies.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Cors {
    /// None.
    #[default]
    Off,
    /// All.
    Any,
    /// Pages of these origins, in the form of the `Origin` header: `https://app.example`.
    Origins(Vec<String>),
}

impl Cors {
    /// True if pages of `origin` may call the flow.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Off => false,
            Self::Any => true,
            Self::Origins(origins) => origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        }
    }
}

/// Reads `cors`: a boolean, an origin, or a list of origins. The origin `*` allows all.
pub(super) fn cors(node: &Node, reader: &mut Reader<'_>) -> Cors {
    let schema = reader.dialect.schema();
    if let Some(any) = flag(node, schema) {
        return if any { Cors::Any } else { Cors::Off };
    }
    let is_list = node.sequence().is_some_and(|items| items.iter().all(|item| item.text().is_some()));
    if !is_list && node.text().is_none() {
        let message = format!("`cors` must be {CORS_VALUES}");
        let help = "write `cors: [\"https://app.example\"]`";
        reader.report.push(Diagnostic::at(Code::WrongType, node.span, message).help(help));
        return Cors::Off;
    }
    let mut origins = Vec::new();
    for Spanned { value, span } in texts(node, schema).unwrap_or_default() {
        let value = value.trim_matches(['"', '\'', ' ']);
        match value {
            "*" => return Cors::Any,
            value if is_origin(value) => origins.push(value.to_owned()),
            _ => {
                let message = format!("`{value}` is not an origin");
                let help =
                    "write scheme, host and, if it is not the default, port: `https://app.example:8443`";
                reader.report.push(Diagnostic::at(Code::WrongType, span, message).help(help));
            }
        }
    }
    Cors::Origins(origins)
}

/// True for `SCHEME://HOST[:PORT]` without a path, and for `null`, the origin of local files.
fn is_origin(text: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"/*@?#".contains(&byte))
    };
    match text.split_once("://") {
        Some((scheme, authority)) => is_plain(scheme) && is_plain(authority),
        None => text == "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let cors = Cors::Origins(vec!["https://app.example".to_owned()]);
        assert!(cors.allows("https://app.example") && cors.allows("https://APP.example"));
        assert!(!cors.allows("http://app.example") && !cors.allows("https://app.example.evil.example"));
        assert!(Cors::Any.allows("null") && !Cors::Off.allows("https://app.example"));
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        for origin in ["https://app.example", "http://localhost:3000", "http://[::1]:80", "null"] {
            assert!(is_origin(origin), "{origin}");
        }
        for other in ["app.example", "https://app.example/", "https://*.example", "https://", "true-ish"] {
            assert!(!is_origin(other), "{other}");
        }
    }
}
