//! Sends one batch of spans, over gRPC or HTTP. Every batch has a connection of its own, which costs little: a batch
//! has hundreds of spans or those of a second.

use std::fmt::Display;

use axum::http::uri::PathAndQuery;
use axum::http::{Request, header};
use bytes::Bytes;
use flowrun_remote::{Address, CallError, Channel};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpStream;
use tonic::metadata::MetadataMap;

use super::collector::{Collector, Protocol};
use super::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use crate::limits::{COLLECTOR_REPLY_BYTES_MAX, COLLECTOR_TIMEOUT};

/// gRPC method of collectors.
const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// Sends a batch, and returns how many of its spans the collector rejected.
///
/// # Errors
/// When the batch was not delivered within [`COLLECTOR_TIMEOUT`].
pub(super) async fn export(collector: &Collector, batch: ExportTraceServiceRequest) -> Result<usize, String> {
    let sending = async {
        match collector.protocol {
            Protocol::Grpc => over_grpc(collector, batch).await,
            Protocol::Http => over_http(collector, &batch).await,
        }
    };
    let timed_out = |_| format!("no response within {} s", COLLECTOR_TIMEOUT.as_secs());
    tokio::time::timeout(COLLECTOR_TIMEOUT, sending).await.map_err(timed_out)?
}

async fn over_grpc(collector: &Collector, batch: ExportTraceServiceRequest) -> Result<usize, String> {
    let address: Address = collector.authority.parse().map_err(text)?;
    let channel = Channel::connect(&address, None, COLLECTOR_REPLY_BYTES_MAX, None).await;
    let channel = channel.map_err(|unreachable| unreachable.reason)?;
    let mut request = tonic::Request::new(batch);
    *request.metadata_mut() = MetadataMap::from_headers(collector.headers.iter().cloned().collect());
    match channel.unary(EXPORT, request).await {
        Ok(reply) => Ok(rejected_spans(&reply.into_inner())),
        Err(CallError::Status(code, message)) => {
            Err(format!("the collector returned status {} {message}", i32::from(code)))
        }
        Err(CallError::Broken(reason)) => Err(reason),
    }
}

async fn over_http(collector: &Collector, batch: &ExportTraceServiceRequest) -> Result<usize, String> {
    let stream = TcpStream::connect(&collector.authority).await.map_err(text)?;
    let mut request = Request::post(&collector.path)
        .header(header::HOST, &collector.authority)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(Bytes::from(batch.encode_to_vec())))
        .map_err(text)?;
    request.headers_mut().extend(collector.headers.iter().cloned());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let driver = tokio::spawn(connection);
    let response = async {
        let (head, body) = sender.send_request(request).await.map_err(text)?.into_parts();
        let body = Limited::new(body, COLLECTOR_REPLY_BYTES_MAX).collect().await.map_err(text)?.to_bytes();
        match head.status.is_success() {
            // A body that cannot be decoded counts as one without rejected spans.
            true => Ok(rejected_spans(&ExportTraceServiceResponse::decode(body).unwrap_or_default())),
            false => Err(format!("the collector returned {}", head.status)),
        }
    };
    let response = response.await;
    driver.abort();
    response
}

/// Number of spans that the collector rejected.
fn rejected_spans(reply: &ExportTraceServiceResponse) -> usize {
    let rejected = reply.partial_success.as_ref().map_or(0, |partial| partial.rejected_spans);
    usize::try_from(rejected).unwrap_or_default()
}

fn text(error: impl Display) -> String {
    error.to_string()
}
