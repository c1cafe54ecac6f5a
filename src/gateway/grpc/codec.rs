//! Decoding and encoding of gRPC calls: message codecs, admission of unary calls, and statuses of rejections.

use std::sync::Arc;

use axum::BoxError;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt as _;
use http_body_util::combinators::MapErr;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;

use crate::gateway::admission::{Permit, max_wait};
use crate::gateway::bytes_permit::BytesPermit;
use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::request::Rejection;
use crate::gateway::request_body::RequestBody;
use crate::gateway::response_body::UnwrittenReplies;
use crate::gateway::service::Gateway;
use crate::limits::{CONTROL_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::spec::Compression;

/// Codec that reads messages of type `I`, compressed or not, and writes messages of type `O` uncompressed.
pub(super) fn codec<I, O>() -> Grpc<ProstCodec<O, I>>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(usize::MAX)
}

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

/// Codec for requests with documents: compresses replies as the flow configures, for clients that accept it.
pub(super) fn data_codec<I, O>(gateway: &Gateway) -> Grpc<ProstCodec<O, I>>
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Send + 'static,
{
    match gateway.config.compression {
        None => codec(),
        Some(Compression::Gzip) => codec().send_compressed(CompressionEncoding::Gzip),
        Some(Compression::Deflate) => codec().send_compressed(CompressionEncoding::Deflate),
    }
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
    /// Deadline and other settings from the headers.
    pub(super) metadata: CallMetadata,
    /// The call; the bytes of its message are reserved in the permit as they arrive.
    pub(super) request: axum::http::Request<StatusBody>,
    /// Unwritten replies of the connection.
    pub(super) unwritten: Option<Arc<UnwrittenReplies>>,
}

/// Admits a call with one message, from its headers, before the message is read.
///
/// # Errors
/// The response to a rejected call, after the delay of the rejection limiter.
pub(super) async fn admit(gateway: &Gateway, request: Request) -> Result<AdmittedCall, Response> {
    let metadata = CallMetadata::new(request.headers(), request.extensions());
    let unwritten = UnwrittenReplies::from_extensions(request.extensions());
    let permit = match gateway.admit(0, Some(max_wait(metadata.deadline))) {
        Ok(permit) => Arc::new(permit),
        Err(rejection) => {
            gateway.rejections.wait(&rejection).await;
            return Err(status_response(rejection_status(&rejection)));
        }
    };
    let request = request.map(|body| status_body(RequestBody::single(body, &permit)));
    Ok(AdmittedCall { permit, metadata, request, unwritten })
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
pub(in crate::gateway) fn status_response(status: tonic::Status) -> Response {
    response(status.into_http())
}

/// gRPC status of a rejection.
pub(super) fn rejection_status(rejection: &Rejection) -> tonic::Status {
    let message = rejection.to_string();
    match rejection {
        Rejection::Overloaded(_) => {
            let mut status = tonic::Status::resource_exhausted(message);
            let seconds = Rejection::RETRY_AFTER.as_secs().into();
            status.metadata_mut().insert("retry-after", seconds);
            status
        }
        Rejection::Draining => tonic::Status::unavailable(message),
        Rejection::DeadlineExceeded | Rejection::BodyTimeout => tonic::Status::deadline_exceeded(message),
        Rejection::Invalid(_) => tonic::Status::invalid_argument(message),
        Rejection::TooLarge(_) => tonic::Status::resource_exhausted(message),
        Rejection::Forbidden(_) => tonic::Status::permission_denied(message),
    }
}
