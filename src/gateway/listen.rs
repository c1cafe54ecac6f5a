//! Ports, connections, and their end.
//!
//! At the end nobody is let in any more, connections finish what is under way and close, and only then is the flow
//! itself drained: so nothing that was let in is lost.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt as _;

use super::departing::Departures;
use super::security::Token;
use super::service::Gateway;
use super::{grpc, http, linger, pages};
use crate::limits::{CONNECTIONS_MAX, HEADERS_TIMEOUT, KEEPALIVE_INTERVAL, STREAMS_MAX};
use crate::runtime::DrainReport;

/// Bytes that a client may send ahead on one stream, and on all streams of a connection. What it has sent before it
/// hears that it is refused is for nothing, so the first is HTTP/2's own default.
const WINDOW: (u32, u32) = (64 << 10, 16 << 20);

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: u32 = 64 << 10;

/// A gateway that listens.
pub struct Server {
    gateway: Arc<Gateway>,
    addresses: Vec<SocketAddr>,
    /// Closes when the last connection has closed.
    connections: mpsc::Receiver<()>,
}

/// Opens the ports and serves from then on. Must be called within tokio.
///
/// # Errors
/// When an address is taken or is not ours.
pub async fn serve(gateway: Gateway, addresses: &[SocketAddr]) -> io::Result<Server> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(TcpListener::bind(address).await?);
    }
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    let (alive, connections) = mpsc::channel(1);
    gateway.conversations.lock().replace(alive);
    let gateway = Arc::new(gateway);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    for listener in listeners {
        let router = router(&gateway);
        tokio::spawn(accept(listener, Arc::clone(&gateway), router, Arc::clone(&room)));
    }
    Ok(Server { gateway, addresses, connections })
}

impl Server {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends the conversations, then the flow. What was let in is answered, if there is time.
    pub async fn drain(mut self, limit: Duration) -> DrainReport {
        let deadline = tokio::time::Instant::now() + limit;
        self.gateway.admission.end();
        self.gateway.conversations.lock().take();
        if tokio::time::timeout_at(deadline, self.connections.recv()).await.is_err() {
            tracing::warn!("clients that did not take their replies are cut off");
        }
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let drained = self.gateway.flow.drain(left).await;
        if let Some(traces) = &self.gateway.traces {
            traces.close().await;
        }
        drained
    }
}

/// What happens to a request, from the outside in.
fn router(gateway: &Arc<Gateway>) -> Router {
    let router = http::with_cors(
        grpc::routes().merge(http::compressed(http::routes(&gateway.look, &gateway.facts.endpoints))),
        &gateway.look,
    )
    .fallback(http::not_found)
    .method_not_allowed_fallback(http::method_not_allowed);
    let router = match &gateway.token {
        Some(token) => router.layer(from_fn_with_state(token.clone(), authenticate)),
        None => router,
    };
    router.with_state(Arc::clone(gateway))
}

/// Lets through those who show the token.
async fn authenticate(State(token): State<Token>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if token.is_shown(request.headers())
        || grpc::is_open(path)
        || http::is_open(path)
        || pages::is_file(&request)
    {
        return next.run(request).await;
    }
    let message = "show the token: `authorization: Bearer TOKEN`";
    if is_grpc(&request) {
        return grpc::status_response(tonic::Status::unauthenticated(message));
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, http::detail(message)).into_response()
}

/// Whether a request speaks gRPC.
pub(super) fn is_grpc(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// Takes connections until the end. More than there is room for are closed at once.
async fn accept(listener: TcpListener, gateway: Arc<Gateway>, router: Router, room: Arc<Semaphore>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.admission.ended() => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                // Out of file handles, most likely: they come back as connections close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let Some(alive) = gateway.conversations.lock().clone() else { return };
        let (gateway, router) = (Arc::clone(&gateway), router.clone());
        tokio::spawn(async move {
            if let Err(error) = greet(stream, &gateway, router).await {
                tracing::debug!(error, "a connection broke off");
            }
            drop((permit, alive));
        });
    }
}

/// Serves one connection, beneath TLS if there is a certificate to show.
async fn greet(stream: TcpStream, gateway: &Gateway, router: Router) -> Result<(), String> {
    // Replies are small and waited for.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &gateway.tls else { return converse(stream, gateway, router).await };
    let stream = tokio::select! {
        accepted = tls.accept(stream) => accepted?,
        // Nothing was asked yet.
        () = gateway.admission.ended() => return Ok(()),
    };
    converse(stream, gateway, router).await
}

/// Serves one connection, of HTTP/1 or HTTP/2 as its first bytes say.
async fn converse<S>(stream: S, gateway: &Gateway, router: Router) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_INTERVAL)
        .initial_stream_window_size(WINDOW.0)
        .initial_connection_window_size(WINDOW.1)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        // What still comes of a request that was refused by its head counts as an error of the client's, and after a
        // thousand the connection would be broken off with everything that is under way on it.
        .max_local_error_reset_streams(None);
    let (stream, owner) = linger::lend(stream);
    let departures = Arc::new(Departures::default());
    let own = Arc::clone(&departures);
    let service = router.map_request(move |mut request: axum::http::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&own));
        request
    });
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = Box::pin(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = departures.stuck() => {
            tracing::warn!("a client that does not take its replies is cut off");
            return Ok(());
        }
        () = gateway.admission.ended() => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    drop(connection);
    owner.close().await;
    ended.map_err(|error| error.to_string())
}
