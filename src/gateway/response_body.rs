//! Response bodies whose bytes are charged to the gateway's capacity until the connection has written them.
//!
//! Otherwise the replies to a client that sends requests faster than it reads would pile up uncounted. Every response
//! of a connection is charged: one to an admitted request to the capacity that the request holds, any other to capacity
//! of its own. Clients that do not read are disconnected by [`unwritten_replies`](super::unwritten_replies).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};

use super::bytes_permit::{BytesPermit, bytes_exceeded};
use super::grpc::codec::rejected_call;
use super::unwritten_replies::UnwrittenReplies;
use crate::limits::{REPLY_BYTES_MIN, REPLY_PIECE_BYTES, STREAM_WINDOW_BYTES};

/// Kind of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyKind {
    /// The answer to one request.
    Single,
    /// A reply whose parts are made over time. Its client may pause between them.
    Stream,
    /// Like a stream, for a client that sends messages meanwhile, also while the gateway does not read them: the
    /// response is charged for the HTTP/2 window of the input too.
    Session,
}

/// Capacity that the request of a response holds, attached to the response as an extension.
#[derive(Clone, Debug)]
struct Charge {
    bytes: Arc<BytesPermit>,
    kind: ReplyKind,
}

/// Charges a response to `bytes`, the permit of its request, once [`hold_until_written`] receives it.
pub(super) fn charge(mut response: Response, bytes: &Arc<BytesPermit>, kind: ReplyKind) -> Response {
    response.extensions_mut().insert(Charge { bytes: Arc::clone(bytes), kind });
    response
}

/// Makes a response hold capacity until the connection has written it. Without capacity, a response on an HTTP/2
/// connection is replaced by an error.
pub(super) fn hold_until_written(mut response: Response, connection: &Arc<UnwrittenReplies>) -> Response {
    let charge = response.extensions_mut().remove();
    if response.body().is_end_stream() {
        return response;
    }
    let Charge { bytes, kind } = charge
        .unwrap_or_else(|| Charge { bytes: Arc::new(connection.capacity.permit()), kind: ReplyKind::Single });
    let window = if kind == ReplyKind::Session { STREAM_WINDOW_BYTES as usize } else { 0 };
    let base = REPLY_BYTES_MIN + window;
    // An HTTP/1 connection has one reply at a time: probes are answered however much is in use.
    if bytes.try_grow_to(base).is_err() && connection.is_http2() {
        return without_capacity(&response);
    }
    // The source of a stream, and of a compressed body, stays in memory until the end.
    let is_whole = kind == ReplyKind::Single && !response.headers().contains_key(header::CONTENT_ENCODING);
    let shrinks = is_whole || kind == ReplyKind::Session;
    let (unwritten, connection) = (AtomicUsize::new(0), Arc::clone(connection));
    let reply = Arc::new(Reply { bytes, base, unwritten, kind, shrinks, connection });
    response.map(|body| Body::new(ResponseBody { body, rest: None, reply }))
}

/// The response that replaces one without capacity.
fn without_capacity(response: &Response) -> Response {
    let content_type =
        response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    match content_type.starts_with(b"application/grpc") {
        true => rejected_call(&bytes_exceeded()),
        false => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A reply that is not written yet, with its capacity.
#[derive(Debug)]
struct Reply {
    bytes: Arc<BytesPermit>,
    /// Bytes that it holds in addition to those of its parts.
    base: usize,
    /// Bytes of the parts that the connection has not written.
    unwritten: AtomicUsize,
    kind: ReplyKind,
    /// True if the bytes of written parts are freed before the end of the reply.
    shrinks: bool,
    connection: Arc<UnwrittenReplies>,
}

impl Reply {
    /// Registers a part of `bytes`.
    ///
    /// # Errors
    /// If the gateway has no capacity for it.
    fn add_part(self: &Arc<Self>, bytes: usize) -> Result<Arc<Part>, axum::Error> {
        let unwritten = self.unwritten.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let part = Arc::new(Part(Arc::clone(self)));
        let held = self.base + unwritten;
        // The base covers the first bytes.
        if unwritten > REPLY_BYTES_MIN {
            self.bytes.try_grow_to(held).map_err(axum::Error::new)?;
        }
        self.shrink_to(held);
        self.connection.add(&part, self.kind != ReplyKind::Single, Instant::now());
        Ok(part)
    }

    fn shrink_to(&self, bytes: usize) {
        if self.shrinks {
            self.bytes.shrink_to(bytes);
        }
    }

    fn record_written(&self, bytes: usize) {
        self.connection.record_progress(Instant::now());
        // Pieces share the memory of their part, so nothing is free before all of them are written.
        if self.unwritten.fetch_sub(bytes, Ordering::Relaxed) == bytes {
            self.shrink_to(self.base);
        }
    }
}

/// A part of a reply: one frame of its body. Exists until the connection has written all pieces of it.
#[derive(Debug)]
pub(super) struct Part(Arc<Reply>);

impl Part {
    /// A part of an empty reply.
    #[cfg(test)]
    pub(super) fn for_tests(connection: &Arc<UnwrittenReplies>) -> Arc<Self> {
        let bytes = Arc::new(connection.capacity.permit());
        let (unwritten, connection) = (AtomicUsize::new(0), Arc::clone(connection));
        let kind = ReplyKind::Single;
        Arc::new(Self(Arc::new(Reply { bytes, base: 0, unwritten, kind, shrinks: true, connection })))
    }
}

struct ResponseBody {
    body: Body,
    /// Rest of the current part, which the connection receives in pieces.
    rest: Option<(Bytes, Arc<Part>)>,
    reply: Arc<Reply>,
}

impl ResponseBody {
    /// The next piece of the current part.
    fn next_piece(&mut self) -> Option<Frame<Bytes>> {
        let (mut rest, part) = self.rest.take()?;
        // Each part of a stream is one chunk over HTTP/1, which `jina.Client` relies on.
        let bytes_max = if self.reply.kind == ReplyKind::Single { REPLY_PIECE_BYTES } else { usize::MAX };
        let data = rest.split_to(rest.len().min(bytes_max));
        let piece = Piece { data, part: Arc::clone(&part) };
        self.rest = Some((rest, part)).filter(|(rest, _)| !rest.is_empty());
        Some(Frame::data(Bytes::from_owner(piece)))
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.rest.is_none() {
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            let part = this.reply.add_part(data.len())?;
            this.rest = Some((data, part));
        }
        Poll::Ready(this.next_piece().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(0, |(rest, _)| rest.len() as u64);
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

/// Bytes of a part; the connection drops them once they are written.
struct Piece {
    data: Bytes,
    part: Arc<Part>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.part.0.record_written(self.data.len());
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::gateway::bytes_permit::ByteCapacity;

    const MAX: usize = 64 << 20;

    fn connection() -> Arc<UnwrittenReplies> {
        Arc::new(UnwrittenReplies::new(ByteCapacity::new(MAX)))
    }

    /// Bytes in use.
    fn used(connection: &UnwrittenReplies) -> usize {
        MAX - connection.capacity.free()
    }

    async fn data(response: &mut Response) -> Bytes {
        response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap()
    }

    #[tokio::test]
    async fn a_reply_holds_its_bytes_until_the_last_one_is_written() {
        let connection = connection();
        let bytes = Arc::new(connection.capacity.permit());
        bytes.try_grow_to(1 << 20).unwrap();
        let reply = charge(Response::new(vec![1; 100_000].into()), &bytes, ReplyKind::Single);
        drop(bytes);
        let mut response = hold_until_written(reply, &connection);
        assert_eq!(response.body().size_hint().exact(), Some(100_000));
        let first = data(&mut response).await;
        assert_eq!(
            (first.len(), response.body().size_hint().exact()),
            (REPLY_PIECE_BYTES, Some(100_000 - 16_384))
        );
        let held = used(&connection);
        assert!(held > 100_000 && held < 100_000 + 2 * REPLY_BYTES_MIN, "{held}");
        let mut rest = Vec::new();
        while !response.body().is_end_stream() {
            rest.push(data(&mut response).await);
        }
        assert_eq!(rest.iter().map(Bytes::len).sum::<usize>(), 100_000 - REPLY_PIECE_BYTES);
        drop((first, response));
        assert_eq!(used(&connection), held);
        let last = rest.pop().unwrap().slice(3..);
        drop(rest);
        assert_eq!(used(&connection), held);
        drop(last);
        assert_eq!(used(&connection), 0);
    }

    #[tokio::test]
    async fn replies_without_admission_hold_capacity_too() {
        let connection = connection();
        let mut response = hold_until_written(Response::new("text".into()), &connection);
        assert_eq!(used(&connection), REPLY_BYTES_MIN);
        assert_eq!(&data(&mut response).await[..], b"text");
        drop(response);
        assert_eq!(used(&connection), 0);
        let empty = hold_until_written(Response::new(Body::empty()), &connection);
        assert_eq!((used(&connection), empty.status()), (0, StatusCode::OK));
    }

    #[tokio::test]
    async fn a_part_of_a_stream_is_not_split() {
        let connection = connection();
        let bytes = Arc::new(connection.capacity.permit());
        let stream = charge(Response::new(vec![1; 100_000].into()), &bytes, ReplyKind::Stream);
        let mut response = hold_until_written(stream, &connection);
        assert_eq!(data(&mut response).await.len(), 100_000);
    }

    #[tokio::test]
    async fn probes_are_answered_without_capacity_and_many_streams_are_not() {
        let connection = connection();
        let _others = connection.capacity.fill(0);
        let mut probe = hold_until_written(Response::new("alive".into()), &connection);
        assert_eq!(&data(&mut probe).await[..], b"alive");
        let mut large = hold_until_written(Response::new(vec![0; 100_000].into()), &connection);
        assert!(large.body_mut().frame().await.unwrap().is_err());
        connection.set_http2();
        let refused = hold_until_written(Response::new("text".into()), &connection);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let mut call = Response::new("message".into());
        call.headers_mut().insert(header::CONTENT_TYPE, "application/grpc".parse().unwrap());
        let refused = hold_until_written(call, &connection);
        assert_eq!(refused.headers()["grpc-status"], "8");
    }
}
