//! The gateway's tokens and their roles, and the check that no unprotected address is reachable from outside.
//!
//! A token is checked once per HTTP request, gRPC call or WebSocket, by [`authenticate`]: it must allow the route. Each
//! request for the flow is checked by [`Gateway::submit`](super::service::Gateway::submit): the token must allow its
//! endpoint. TLS is in [`tls`](super::tls).

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use subtle::ConstantTimeEq as _;

use super::json_response::detail;
use super::{grpc, pages};
use crate::routes::{Access, Role, find};
use crate::topology::WorkerIdentity;

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

    /// Value of the `authorization` header with which a client sends the token.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// True if the headers of a request contain the token: as `Authorization: Bearer TOKEN`, or bare, as `clip_client`
    /// sends it. Compares in constant time.
    fn is_sent(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
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

/// The tokens that clients may send, each with its role.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<(Token, Role)>);

impl Tokens {
    /// Tokens with their roles; none accepts every request.
    #[must_use]
    pub fn new(tokens: impl IntoIterator<Item = (Token, Role)>) -> Self {
        Self(tokens.into_iter().collect())
    }

    /// True if requests need no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Highest role of the tokens that the headers contain; `None` if they contain no valid one. If the gateway has no
    /// tokens, every request has every right.
    fn granted(&self, headers: &HeaderMap) -> Option<Role> {
        if self.is_empty() {
            return Some(Role::Admin);
        }
        // Compares all, so that the time does not reveal which one was sent.
        let roles = self.0.iter().map(|(token, role)| token.is_sent(headers).then_some(*role));
        roles.fold(None, Option::max)
    }
}

impl From<Option<Token>> for Tokens {
    /// The token as the only one, with every right.
    fn from(token: Option<Token>) -> Self {
        Self::new(token.map(|token| (token, Role::Admin)))
    }
}

/// Role that [`authenticate`] granted to a request, `None` without a valid token. It is an extension of the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Granted(pub(super) Option<Role>);

impl Granted {
    /// The role in the extensions of a request.
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }
}

/// Rejects requests without a token that allows their route, and records the role of the others.
pub(super) async fn authenticate(State(tokens): State<Tokens>, mut request: Request, next: Next) -> Response {
    let granted = tokens.granted(request.headers());
    match needed(&request) {
        Some(_) if granted.is_none() => return unauthenticated(&request),
        Some(needed) if granted < Some(needed) => return forbidden(&request, &forbidden_message(needed)),
        _ => {}
    }
    request.extensions_mut().insert(Granted(granted));
    next.run(request).await
}

/// Rejects calls that are not meant for this worker: those that state another one, and documents from callers that state
/// none.
pub(super) async fn check_worker(
    State(worker): State<Arc<WorkerIdentity>>,
    request: Request,
    next: Next,
) -> Response {
    let stated = request.headers().get(flowrun_wire::WORKER);
    let reason = match stated.map(|stated| stated.to_str().unwrap_or_default()) {
        Some(stated) => worker.mismatch(stated),
        None if carries_documents(&request) => Some(format!(
            "this is the worker for {worker} of a flow: send requests to its gateway, `flowrun serve FLOW --placement FILE`"
        )),
        None => None,
    };
    match reason {
        None => next.run(request).await,
        Some(reason) if grpc::codec::is_grpc(&request) => {
            grpc::codec::status_response(tonic::Status::failed_precondition(reason))
        }
        Some(reason) => (StatusCode::PRECONDITION_FAILED, detail(&reason)).into_response(),
    }
}

/// True for a request to an endpoint, and for a WebSocket, whose path is that of a page.
fn carries_documents(request: &Request) -> bool {
    match access(request) {
        Access::Endpoint => true,
        Access::PublicHtml => !is_page_load(request.headers()),
        Access::Public | Access::PublicGet | Access::Read | Access::Admin => false,
    }
}

/// Rights that the route of a request needs. Paths of endpoints are not in the table.
fn access(request: &Request) -> Access {
    find(request.uri().path()).map_or(Access::Endpoint, |route| route.access)
}

/// Role that the route of a request needs; `None` for a public route.
fn needed(request: &Request) -> Option<Role> {
    let is_get = request.method() == Method::GET;
    let access = access(request);
    let is_public = match access {
        Access::Public => true,
        Access::PublicGet => is_get,
        Access::PublicHtml => is_get && is_page_load(request.headers()),
        Access::Read | Access::Admin | Access::Endpoint => false,
    };
    (!is_public).then(|| access.role())
}

/// True if a browser loads a page; a WebSocket handshake is a `GET` too.
fn is_page_load(headers: &HeaderMap) -> bool {
    pages::assets::accepts_html(headers) && !headers.contains_key(header::UPGRADE)
}

fn unauthenticated(request: &Request) -> Response {
    let message = "send the token: `authorization: Bearer TOKEN`";
    if grpc::codec::is_grpc(request) {
        return grpc::codec::status_response(tonic::Status::unauthenticated(message));
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, detail(message)).into_response()
}

/// Response to a refused request (403, or `PERMISSION_DENIED`), with the reason `message`.
pub(super) fn forbidden(request: &Request, message: &str) -> Response {
    if grpc::codec::is_grpc(request) {
        return grpc::codec::status_response(tonic::Status::permission_denied(message));
    }
    (StatusCode::FORBIDDEN, detail(message)).into_response()
}

/// Message for a request whose token has a lower role than `needed`.
pub(super) fn forbidden_message(needed: Role) -> String {
    format!("the token does not allow this request; it needs a token with the role `{needed}`")
}

/// Error for an address at which the flow would be reachable from other machines without a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "anyone who can reach {address} could use the flow; set a token ({token}), listen at 127.0.0.1, or pass `--insecure` \
     to allow it"
)]
pub struct UnsafeBind {
    /// The address.
    pub address: SocketAddr,
    /// Ways to set a token, as the message lists them.
    pub token: &'static str,
}

/// Checks that an address is a loopback address, protected by a token, or explicitly allowed. `is_worker` selects the
/// advice of the error: gateways send workers the token of the placement.
///
/// # Errors
/// [`UnsafeBind`] otherwise.
pub fn check_bind(
    address: SocketAddr,
    tokens: &Tokens,
    insecure: bool,
    is_worker: bool,
) -> Result<(), UnsafeBind> {
    let token = match is_worker {
        true => "`token: {variable: NAME}` in the placement",
        false => "`--token-file FILE`, FLOWRUN_TOKEN, or `tokens` in the flow file",
    };
    match address.ip().is_loopback() || !tokens.is_empty() || insecure {
        true => Ok(()),
        false => Err(UnsafeBind { address, token }),
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
        let (none, one) = (Tokens::default(), Tokens::from(Token::new("secret")));
        assert_eq!(check_bind(loopback, &none, false, false), Ok(()));
        let error = |is_worker| check_bind(public, &none, false, is_worker).unwrap_err().to_string();
        assert!(error(false).contains("set a token (`--token-file FILE`"));
        assert!(error(true).contains("set a token (`token: {variable: NAME}` in the placement)"));
        assert_eq!(check_bind(public, &one, false, false), Ok(()));
        assert_eq!(check_bind(public, &none, true, false), Ok(()));
    }

    #[test]
    fn a_token_grants_its_role_and_no_tokens_grant_every_role() {
        let granted = |tokens: &Tokens, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            tokens.granted(&headers)
        };
        let token = |text, role| (Token::new(text).unwrap(), role);
        let tokens =
            Tokens::new([token("both", Role::Write), token("reader", Role::Read), token("both", Role::Read)]);
        assert_eq!(granted(&tokens, "Bearer reader"), Some(Role::Read));
        assert_eq!(granted(&tokens, "Bearer both"), Some(Role::Write));
        assert_eq!(granted(&tokens, "Bearer other"), None);
        assert_eq!(granted(&Tokens::default(), "Bearer other"), Some(Role::Admin));
    }
}
