//! Who may connect.

use std::fmt;
use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;

/// A secret that clients show. It is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The token in `text`; blanks around it do not count. `None` when nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The header by which a client shows it.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether the head of a request shows it: as `Authorization: Bearer TOKEN`, or bare as `clip_client` sends it.
    /// Takes as long for a token that is almost right as for one that is all wrong.
    pub(super) fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown =
            headers.get(header::AUTHORIZATION).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
        let shown = match shown.split_at_checked(BEARER.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token,
            _ => shown,
        };
        shown.ct_eq(self.0.as_bytes()).into()
    }
}

const BEARER: &[u8] = b"Bearer ";

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why an address will not be listened at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "anyone who reaches {0} could use the flow; give a token (`--token-file FILE` or FLOWRUN_TOKEN), listen at \
     127.0.0.1, or type `--insecure` if that is meant"
)]
pub struct UnsafeBind(pub SocketAddr);

/// Checks that only those who may can reach the flow: the machine itself, or those who show the token.
///
/// # Errors
/// [`UnsafeBind`] when anyone could.
pub fn check_bind(address: SocketAddr, token: Option<&Token>, insecure: bool) -> Result<(), UnsafeBind> {
    match address.ip().is_loopback() || token.is_some() || insecure {
        true => Ok(()),
        false => Err(UnsafeBind(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        Token::new(" secret\n").unwrap().is_shown(&headers)
    }

    #[test]
    fn a_token_is_shown_with_or_without_a_scheme() {
        assert!(shown("Bearer secret") && shown("bearer secret") && shown("secret"));
        assert!(!shown("Bearer secre") && !shown("Bearer secrets") && !shown("") && !shown("Basic secret"));
        assert!(!Token::new("secret").unwrap().is_shown(&HeaderMap::new()));
        assert!(Token::new(" \n").is_none());
    }

    #[test]
    fn strangers_are_kept_out_unless_told_otherwise() {
        let (here, anywhere) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        let token = Token::new("secret");
        assert_eq!(check_bind(here, None, false), Ok(()));
        assert_eq!(check_bind(anywhere, None, false), Err(UnsafeBind(anywhere)));
        assert_eq!(check_bind(anywhere, token.as_ref(), false), Ok(()));
        assert_eq!(check_bind(anywhere, None, true), Ok(()));
    }
}
