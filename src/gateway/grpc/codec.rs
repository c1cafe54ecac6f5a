//! Decoding and encoding of gRPC calls: message codecs, admission of unary calls, and statuses of rejections.

use std::sync::Arc;

use axum::BoxError;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_util::Stream;
use http_body_util::combinators::MapErr;
use http_body_util::{BodyExt as _, Full};
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

use super::message_reader::MessageReader;
use crate::gateway::admission::{Permit, max_wait};
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::inflate::OnFull;
use crate::gateway::request::Rejection;
use crate::gateway::request_body::RequestBody;
use crate::gateway::service::Gateway;
use crate::limits::CONTROL_MESSAGE_BYTES_MAX;
use crate::spec::Compression;

/// Codec of the methods without admission: short messages, uncompressed.
pub(super) fn control_codec<I, O>() -> Grpc<ProstCodec<O, I>>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .max_decoding_message_size(CONTROL_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(usize::MAX)
}

/// The request of a method without admission, whose bytes are counted and must arrive in time. A compressed message is
/// rejected; a header that only announces a compression is ignored, because Jina's clients set it on all calls.
pub(super) fn control_request(gateway: &Gateway, request: Request) -> axum::http::Request<StatusBody> {
    control(gateway, request, RequestBody::unadmitted)
}

/// Like [`control_request`], for a stream of messages.
pub(super) fn control_stream(gateway: &Gateway, request: Request) -> axum::http::Request<StatusBody> {
    control(gateway, request, RequestBody::stream)
}

fn control(
    gateway: &Gateway,
    mut request: Request,
    body: fn(axum::body::Body, Arc<BytesPermit>) -> RequestBody,
) -> axum::http::Request<StatusBody> {
    request.headers_mut().remove("grpc-encoding");
    let bytes = Arc::new(gateway.admission.bytes_permit());
    request.map(|received| status_body(body(received, bytes)))
}

/// Codec for the replies to requests with documents, whose messages were read by a [`MessageReader`]: compresses as the
/// flow configures, for clients that accept it.
fn reply_codec<O: prost::Message + Send + 'static>(gateway: &Gateway) -> Grpc<ProstCodec<O, ()>> {
    let grpc = Grpc::new(ProstCodec::default()).max_encoding_message_size(usize::MAX);
    match gateway.config.compression {
        None => grpc,
        Some(Compression::Gzip) => grpc.send_compressed(CompressionEncoding::Gzip),
        Some(Compression::Deflate) => grpc.send_compressed(CompressionEncoding::Deflate),
    }
}

/// An empty message, which tonic reads in place of the one that was read already.
const EMPTY_MESSAGE: &[u8] = &[0; 5];

fn without_message(mut headers: HeaderMap) -> axum::http::Request<Full<Bytes>> {
    headers.remove("grpc-encoding");
    let mut request = axum::http::Request::new(Full::from(EMPTY_MESSAGE));
    *request.headers_mut() = headers;
    request
}

/// Response to a call with one reply. `headers` are those of the call.
pub(super) async fn unary_response<O: prost::Message + Send + 'static>(
    gateway: &Gateway,
    headers: HeaderMap,
    reply: Result<O, Status>,
) -> Response {
    let mut reply = Some(reply);
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        // Called once.
        let reply = reply.take().unwrap_or_else(|| Err(Status::internal("the reply was sent already")));
        async { reply.map(tonic::Response::new) }
    });
    response(reply_codec::<O>(gateway).unary(service, without_message(headers)).await)
}

/// Response to a call with a stream of replies. `headers` are those of the call.
pub(super) async fn streaming_response<O, S>(
    gateway: &Gateway,
    headers: HeaderMap,
    replies: Result<S, Status>,
) -> Response
where
    O: prost::Message + Send + 'static,
    S: Stream<Item = Result<O, Status>> + Send + 'static,
{
    let mut replies = Some(replies);
    let service = tower::service_fn(move |_: tonic::Request<()>| {
        let replies =
            replies.take().unwrap_or_else(|| Err(Status::internal("the replies were sent already")));
        async { replies.map(tonic::Response::new) }
    });
    response(reply_codec::<O>(gateway).server_streaming(service, without_message(headers)).await)
}

/// A request body whose rejections are gRPC statuses.
pub(super) type StatusBody = MapErr<RequestBody, fn(BoxError) -> BoxError>;

/// Converts the rejections of a body to gRPC statuses.
pub(super) fn status_body(body: RequestBody) -> StatusBody {
    body.map_err(|error| match error.downcast::<Rejection>() {
        Ok(rejection) => rejection_status(&rejection).into(),
        Err(error) => error,
    })
}

/// An admitted call with one message.
pub(super) struct AdmittedCall {
    /// Permit of the gateway's admission control.
    pub(super) permit: Arc<Permit>,
    /// Deadline, request id, trace context and role of the token.
    pub(super) metadata: CallMetadata,
    /// Headers of the call.
    pub(super) headers: HeaderMap,
    /// Reader of the message, whose bytes are charged to `permit` as they arrive.
    pub(super) messages: MessageReader,
}

/// Admits a call with one message, from its headers, before the message is read.
///
/// # Errors
/// The response to a rejected call, after the delay of the rejection limiter.
pub(super) async fn admit(gateway: &Gateway, request: Request) -> Result<AdmittedCall, Response> {
    let metadata = CallMetadata::new(request.headers(), request.extensions());
    let permit = match gateway.admit(0, Some(max_wait(metadata.deadline))) {
        Ok(permit) => Arc::new(permit),
        Err(rejection) => {
            gateway.rejections.wait(&rejection).await;
            return Err(rejected_call(&rejection));
        }
    };
    let (head, body) = request.into_parts();
    let body = RequestBody::single(body, &permit);
    match MessageReader::new(&head.headers, body, &permit.bytes, OnFull::Reject) {
        Ok(messages) => Ok(AdmittedCall { permit, metadata, headers: head.headers, messages }),
        Err(status) => Err(status_response(status)),
    }
}

/// True for a gRPC call.
pub(in crate::gateway) fn is_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| content_type.starts_with("application/grpc"))
}

/// Converts a response of tonic to one of the router.
pub(super) fn response(response: axum::http::Response<tonic::body::Body>) -> Response {
    response.map(axum::body::Body::new)
}

/// Response to a call that ends with `status` before its message is read.
pub(in crate::gateway) fn status_response(status: Status) -> Response {
    response(status.into_http())
}

/// Response to a call that is rejected.
pub(in crate::gateway) fn rejected_call(rejection: &Rejection) -> Response {
    status_response(rejection_status(rejection))
}

/// gRPC status of a rejection.
pub(super) fn rejection_status(rejection: &Rejection) -> Status {
    let message = rejection.to_string();
    match rejection {
        Rejection::Overloaded(_) => {
            let mut status = Status::resource_exhausted(message);
            let seconds = Rejection::RETRY_AFTER.as_secs().into();
            status.metadata_mut().insert("retry-after", seconds);
            status
        }
        Rejection::Draining => Status::unavailable(message),
        Rejection::DeadlineExceeded | Rejection::BodyTimeout => Status::deadline_exceeded(message),
        Rejection::Invalid(_) => Status::invalid_argument(message),
        Rejection::TooLarge(_) | Rejection::Unanswered => Status::resource_exhausted(message),
        Rejection::Forbidden(_) => Status::permission_denied(message),
    }
}
