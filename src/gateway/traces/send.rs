//! One batch, sent over a connection of its own: there is one in a second at the most, and none in quiet times.

use std::fmt::Display;

use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::TcpStream;

use super::collector::{Collector, Protocol};
use super::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use crate::limits::{COLLECTOR_REPLY_BYTES_MAX, COLLECTOR_TIMEOUT};

/// The method that collectors serve over gRPC.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Bytes before a message of gRPC: whether it is compressed, and how long it is.
const GRPC_HEAD: usize = 5;

/// Sends a batch; how many of its spans the collector did not want.
///
/// # Errors
/// Why it did not arrive.
pub(super) async fn send(collector: &Collector, batch: ExportTraceServiceRequest) -> Result<usize, String> {
    let sending = async {
        let stream = TcpStream::connect(&collector.authority).await.map_err(|error| error.to_string())?;
        match collector.protocol {
            Protocol::Grpc => over_grpc(collector, stream, &batch).await,
            Protocol::Http => over_http(collector, stream, &batch).await,
        }
    };
    let late = |_| format!("no answer within {} s", COLLECTOR_TIMEOUT.as_secs());
    tokio::time::timeout(COLLECTOR_TIMEOUT, sending).await.map_err(late)?
}

async fn over_grpc(
    collector: &Collector,
    stream: TcpStream,
    batch: &ExportTraceServiceRequest,
) -> Result<usize, String> {
    let mut body = BytesMut::with_capacity(GRPC_HEAD + batch.encoded_len());
    body.put_u8(0);
    body.put_u32(u32::try_from(batch.encoded_len()).map_err(broken)?);
    batch.encode(&mut body).map_err(broken)?;
    let mut request = Request::post(format!("http://{}{EXPORT}", collector.authority))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Full::new(body.freeze()))
        .map_err(broken)?;
    request.headers_mut().extend(collector.headers.iter().cloned());
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let (code, mut headers, body, trailers) =
            whole(sender.send_request(request).await.map_err(broken)?).await?;
        headers.extend(trailers);
        match headers.get("grpc-status").map(|status| status.as_bytes()) {
            Some(b"0") => rejected(body.get(GRPC_HEAD..).unwrap_or_default()),
            Some(status) => Err(format!(
                "it answered with status {} {}",
                String::from_utf8_lossy(status),
                headers.get("grpc-message").and_then(|message| message.to_str().ok()).unwrap_or_default(),
            )),
            None => Err(format!("it answered {code}")),
        }
    };
    let answered = answered.await;
    driver.abort();
    answered
}

async fn over_http(
    collector: &Collector,
    stream: TcpStream,
    batch: &ExportTraceServiceRequest,
) -> Result<usize, String> {
    let mut request = Request::post(&collector.path)
        .header(header::HOST, &collector.authority)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(Bytes::from(batch.encode_to_vec())))
        .map_err(broken)?;
    request.headers_mut().extend(collector.headers.iter().cloned());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let (code, _, body, _) = whole(sender.send_request(request).await.map_err(broken)?).await?;
        if code.is_success() { rejected(&body) } else { Err(format!("it answered {code}")) }
    };
    let answered = answered.await;
    driver.abort();
    answered
}

/// All of a response: code, headers, body, trailers.
async fn whole(response: Response<Incoming>) -> Result<(StatusCode, HeaderMap, Bytes, HeaderMap), String> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, COLLECTOR_REPLY_BYTES_MAX).collect().await.map_err(broken)?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok((head.status, head.headers, body.to_bytes(), trailers))
}

/// How many spans the collector says that it did not want. What it says otherwise is not looked at.
fn rejected(reply: &[u8]) -> Result<usize, String> {
    let reply = ExportTraceServiceResponse::decode(reply).unwrap_or_default();
    let rejected = reply.partial_success.map_or(0, |partial| partial.rejected_spans);
    Ok(usize::try_from(rejected).unwrap_or_default())
}

fn broken(error: impl Display) -> String {
    error.to_string()
}
