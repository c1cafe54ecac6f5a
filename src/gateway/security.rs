//! The gateway's token, and the check that no unprotected address is reachable from outside.
//!
//! Requests are authenticated in [`router`](super::router); TLS is in [`tls`](super::tls).

use std::fmt;
use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;

/// A secret that clients send with every request. It is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Reads a token; surrounding whitespace is ignored. `None` if `text` is blank.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Value of the `authorization` header of a client.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// True if the headers of a request contain the token: as `Authorization: Bearer TOKEN`, or bare, as `clip_client`
    /// sends it. Compares in constant time.
    pub(super) fn is_sent(&self, headers: &HeaderMap) -> bool {
        let sent =
            headers.get(header::AUTHORIZATION).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
        let sent = match sent.split_at_checked(BEARER.len()) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(BEARER) => token,
            _ => sent,
        };
        sent.ct_eq(self.0.as_bytes()).into()
    }
}

const BEARER: &[u8] = b"Bearer ";

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// An address that would expose the flow without protection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "anyone who can reach {0} could use the flow; set a token (`--token-file FILE` or FLOWRUN_TOKEN), listen at \
     127.0.0.1, or pass `--insecure` to allow it"
)]
pub struct UnsafeBind(pub SocketAddr);

/// Checks that an address is a loopback address, protected by a token, or explicitly allowed.
///
/// # Errors
/// [`UnsafeBind`] otherwise.
pub fn check_bind(address: SocketAddr, token: Option<&Token>, insecure: bool) -> Result<(), UnsafeBind> {
    match address.ip().is_loopback() || token.is_some() || insecure {
        true => Ok(()),
        false => Err(UnsafeBind(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        Token::new(" secret\n").unwrap().is_sent(&headers)
    }

    #[test]
    fn a_token_is_accepted_with_and_without_the_bearer_scheme() {
        assert!(accepts("Bearer secret") && accepts("bearer secret") && accepts("secret"));
        assert!(
            !accepts("Bearer secre")
                && !accepts("Bearer secrets")
                && !accepts("")
                && !accepts("Basic secret")
        );
        assert!(!Token::new("secret").unwrap().is_sent(&HeaderMap::new()));
        assert!(Token::new(" \n").is_none());
    }

    #[test]
    fn a_public_address_needs_a_token_or_an_explicit_permission() {
        let (loopback, public) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
        let token = Token::new("secret");
        assert_eq!(check_bind(loopback, None, false), Ok(()));
        assert_eq!(check_bind(public, None, false), Err(UnsafeBind(public)));
        assert_eq!(check_bind(public, token.as_ref(), false), Ok(()));
        assert_eq!(check_bind(public, None, true), Ok(()));
    }
}
