//! Listens on the ports, serves connections, and drains them.
//!
//! Draining has this order, so that no admitted request is lost: new requests are rejected, connections finish their
//! requests and close, the flow drains. Requests are routed in [`router`](super::router).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Version;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use super::connection_limit::ConnectionLimit;
use super::connection_meter::ConnectionMeter;
use super::freed_memory::return_freed_memory;
use super::linger;
use super::response_body::hold_until_written;
use super::router::{health_router, probe_router, router};
use super::service::Gateway;
use super::unwritten_replies::UnwrittenReplies;
use crate::limits::{
    CONNECTION_WINDOW_BYTES, HEADERS_TIMEOUT, KEEPALIVE_INTERVAL, PROBE_CONNECTION_TIMEOUT,
    STREAM_WINDOW_BYTES, STREAMS_MAX,
};
use crate::runtime::{DrainReport, Hang};

/// Maximum size of the headers of an HTTP/2 request, in bytes.
const HEAD_BYTES_MAX: u32 = 64 << 10;

/// A gateway that listens.
pub struct Server {
    gateway: Arc<Gateway>,
    addresses: Vec<SocketAddr>,
    health_address: Option<SocketAddr>,
    /// Ends when the last connection and session have ended, since each holds a sender.
    connections: mpsc::Receiver<()>,
}

/// Binds `addresses` and serves `gateway` at them, and only health and metrics at `health_address`, whose connections
/// have a limit of their own. Port 0 selects a free port. Must be called within tokio.
///
/// # Errors
/// When an address is in use, or is not one of this machine.
pub async fn serve(
    gateway: Gateway,
    addresses: &[SocketAddr],
    health_address: Option<SocketAddr>,
) -> io::Result<Server> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(TcpListener::bind(address).await?);
    }
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    let health = match health_address {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let health_address = health.as_ref().map(TcpListener::local_addr).transpose()?;
    let (alive, connections) = mpsc::channel(1);
    gateway.connections.lock().replace(alive);
    let gateway = Arc::new(gateway);
    let idle = Arc::clone(&gateway);
    tokio::spawn(async move {
        tokio::select! {
            () = return_freed_memory() => {}
            () = idle.admission.shutdown.draining() => {}
        }
    });
    let limit = Arc::new(ConnectionLimit::new(gateway.connections_max));
    for listener in listeners {
        let router = router(&gateway, listener.local_addr()?);
        tokio::spawn(accept(listener, Arc::clone(&gateway), router, Arc::clone(&limit)));
    }
    if let (Some(listener), Some(address)) = (health, health_address) {
        let router = health_router(&gateway, address);
        let limit = Arc::new(ConnectionLimit::for_health());
        tokio::spawn(accept(listener, Arc::clone(&gateway), router, limit));
    }
    Ok(Server { gateway, addresses, health_address, connections })
}

impl Server {
    /// The bound addresses, with their ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The bound address that serves only health and metrics; `None` if there is none.
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health_address
    }

    /// Reports the service as not ready at `/ready` and in gRPC health checks, while requests are still admitted. Call
    /// it some time before [`drain`](Self::drain), so that load balancers stop sending requests to this process.
    pub fn announce_shutdown(&self) {
        self.gateway.admission.shutdown.announce();
    }

    /// Waits until a worker is not expected to return from its call; never ready if none hangs.
    pub fn hang(&self) -> impl Future<Output = Hang> + Send + use<> {
        self.gateway.flow.hang(false)
    }

    /// Drains the connections, then the flow, within `limit`: admitted requests are answered.
    pub async fn drain(mut self, limit: Duration) -> DrainReport {
        let deadline = tokio::time::Instant::now() + limit;
        self.gateway.admission.shutdown.start_draining();
        self.gateway.connections.lock().take();
        if tokio::time::timeout_at(deadline, self.connections.recv()).await.is_err() {
            tracing::warn!(
                "clients that did not read their replies before the drain deadline are disconnected"
            );
        }
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let drained = self.gateway.flow.drain(left).await;
        if let Some(traces) = &self.gateway.traces {
            traces.close().await;
        }
        drained
    }
}

/// Accepts connections until draining starts. Connections beyond the limit are closed immediately.
async fn accept(listener: TcpListener, gateway: Arc<Gateway>, router: Router, limit: Arc<ConnectionLimit>) {
    let probes = probe_router(&gateway);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.admission.shutdown.draining() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Most likely the process is out of file descriptors, which are freed as connections close.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(permit) = limit.admit(peer.ip()) else { continue };
        let Some(alive) = gateway.connections.lock().clone() else { return };
        let is_probe = permit.is_for_probes();
        let (gateway, router) = (Arc::clone(&gateway), if is_probe { &probes } else { &router }.clone());
        tokio::spawn(async move {
            let serving = serve_stream(stream, &gateway, router);
            let served = match is_probe {
                true => tokio::time::timeout(PROBE_CONNECTION_TIMEOUT, serving).await.unwrap_or(Ok(())),
                false => serving.await,
            };
            if let Err(error) = served {
                tracing::debug!(error, "a connection failed");
            }
            drop((permit, alive));
        });
    }
}

/// Serves one TCP connection, over TLS if the gateway has a certificate.
async fn serve_stream(stream: TcpStream, gateway: &Gateway, router: Router) -> Result<(), String> {
    // Replies are small, and clients wait for them.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &gateway.tls else { return serve_http(stream, gateway, router).await };
    let stream = tokio::select! {
        accepted = tls.accept(stream) => accepted?,
        // No request was received yet.
        () = gateway.admission.shutdown.draining() => return Ok(()),
    };
    serve_http(stream, gateway, router).await
}

/// Serves HTTP/1 or HTTP/2, whichever the first bytes of the connection are.
async fn serve_http<S>(stream: S, gateway: &Gateway, router: Router) -> Result<(), String>
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
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        // Data that arrives for a request rejected from its headers counts as a stream error of the client; the
        // default would close the connection, with all its requests, after 1,024 of them.
        .max_local_error_reset_streams(None);
    let meter = Arc::new(ConnectionMeter::default());
    let (stream, owner) = linger::lend(stream, Arc::clone(&meter));
    let unwritten = Arc::new(UnwrittenReplies::new(gateway.admission.capacity.clone()));
    let (requests, replies, written) = (Arc::clone(&meter), Arc::clone(&unwritten), Arc::clone(&unwritten));
    let service = router
        .map_request(move |mut request: axum::http::Request<Incoming>| {
            requests.request_received();
            if request.version() == Version::HTTP_2 {
                replies.set_http2();
            }
            request.extensions_mut().insert(Arc::clone(&requests));
            request
        })
        .map_response(move |response| hold_until_written(response, &written));
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = Box::pin(connection);
    let mut is_draining = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = unwritten.stalled() => {
                tracing::warn!("a client that does not read its replies is disconnected");
                return Ok(());
            }
            () = meter.silent(), if !is_draining => return Ok(()),
            () = gateway.admission.shutdown.draining(), if !is_draining => {
                connection.as_mut().graceful_shutdown();
                is_draining = true;
            }
        }
    };
    drop(connection);
    // A WebSocket still holds the stream: its connection counts until its session has ended.
    // Boxed, so that connections do not hold its buffer before.
    Box::pin(owner.close()).await;
    ended.map_err(|error| error.to_string())
}
