//! One batch, sent over a connection of its own: there is one in a second at the most, and none in quiet times.

use std::fmt::Display;

use axum::http::uri::PathAndQuery;
use axum::http::{Request, header};
use bytes::Bytes;
use flowrun_remote::{Address, Channel, NoReply};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpStream;
use tonic::metadata::MetadataMap;

use super::collector::{Collector, Protocol};
use super::otlp::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use crate::limits::{COLLECTOR_REPLY_BYTES_MAX, COLLECTOR_TIMEOUT};

/// The method that collectors serve over gRPC.
const EXPORT: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");

/// Sends a batch; how many of its spans the collector did not want.
///
/// # Errors
/// Why it did not arrive.
pub(super) async fn send(collector: &Collector, batch: ExportTraceServiceRequest) -> Result<usize, String> {
    let sending = async {
        match collector.protocol {
            Protocol::Grpc => over_grpc(collector, batch).await,
            Protocol::Http => over_http(collector, &batch).await,
        }
    };
    let late = |_| format!("no answer within {} s", COLLECTOR_TIMEOUT.as_secs());
    tokio::time::timeout(COLLECTOR_TIMEOUT, sending).await.map_err(late)?
}

async fn over_grpc(collector: &Collector, batch: ExportTraceServiceRequest) -> Result<usize, String> {
    let address: Address = collector.authority.parse().map_err(broken)?;
    let channel = Channel::connect(&address, None, COLLECTOR_REPLY_BYTES_MAX).await;
    let channel = channel.map_err(|unreachable| unreachable.reason)?;
    let mut request = tonic::Request::new(batch);
    *request.metadata_mut() = MetadataMap::from_headers(collector.headers.iter().cloned().collect());
    match channel.unary(EXPORT, request).await {
        Ok(reply) => Ok(rejected(&reply.into_inner())),
        Err(NoReply::Told(code, message)) => {
            Err(format!("it answered with status {} {message}", i32::from(code)))
        }
        Err(NoReply::Broken(reason)) => Err(reason),
    }
}

async fn over_http(collector: &Collector, batch: &ExportTraceServiceRequest) -> Result<usize, String> {
    let stream = TcpStream::connect(&collector.authority).await.map_err(broken)?;
    let mut request = Request::post(&collector.path)
        .header(header::HOST, &collector.authority)
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .body(Full::new(Bytes::from(batch.encode_to_vec())))
        .map_err(broken)?;
    request.headers_mut().extend(collector.headers.iter().cloned());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let (head, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let body = Limited::new(body, COLLECTOR_REPLY_BYTES_MAX).collect().await.map_err(broken)?.to_bytes();
        match head.status.is_success() {
            // What it says beside how many it did not want is not looked at.
            true => Ok(rejected(&ExportTraceServiceResponse::decode(body).unwrap_or_default())),
            false => Err(format!("it answered {}", head.status)),
        }
    };
    let answered = answered.await;
    driver.abort();
    answered
}

/// How many spans the collector says that it did not want.
fn rejected(reply: &ExportTraceServiceResponse) -> usize {
    let rejected = reply.partial_success.as_ref().map_or(0, |partial| partial.rejected_spans);
    usize::try_from(rejected).unwrap_or_default()
}

fn broken(error: impl Display) -> String {
    error.to_string()
}
