//! An OTLP collector for tests: accepts batches of spans over gRPC or HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A collector on a free port.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    received: mpsc::UnboundedReceiver<(String, HeaderMap, Bytes)>,
}

impl Collector {
    /// Starts the collector. Requires a tokio runtime.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let service = service_fn(move |request| answer(request, sender.clone()));
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, received }
    }

    /// Waits for the next batch. Returns its path, headers and message. Panics after 20 s.
    pub(crate) async fn batch(&mut self) -> (String, HeaderMap, Bytes) {
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(20), self.received.recv());
        waiting.await.unwrap().unwrap()
    }
}

type Answer =
    Response<StreamBody<futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

/// Accepts a batch and responds with success.
async fn answer(
    request: Request<Incoming>,
    sender: mpsc::UnboundedSender<(String, HeaderMap, Bytes)>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.unwrap().to_bytes();
    let grpc = head.headers.get("content-type").is_some_and(|kind| kind == "application/grpc");
    let mut frames = Vec::new();
    if grpc {
        body = body.slice(5..);
        frames.push(Ok(Frame::data(Bytes::from_static(&[0; 5]))));
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        frames.push(Ok(Frame::trailers(trailers)));
    }
    let _ = sender.send((head.uri.path().to_owned(), head.headers, body));
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)));
    let kind = if grpc { "application/grpc" } else { "application/x-protobuf" };
    response.headers_mut().insert("content-type", kind.parse().unwrap());
    Ok(response)
}
