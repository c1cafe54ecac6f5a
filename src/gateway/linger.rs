//! Lingering close: closes the gateway's side of a connection first, and reads until the client closes its side.
//!
//! Closing a socket into which the client is still writing (its request was rejected from the headers, or the gateway
//! is draining) makes the kernel send a reset, and the client loses the replies that it has not read yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;

use super::connection_meter::ConnectionMeter;
use crate::limits::CLOSE_TIMEOUT;

/// Size of the buffer for discarded bytes.
const DISCARD_BYTES: usize = 16 << 10;

/// Bytes after which a connection lets others have their turn: a client can send thousands of frames in as many bytes that
/// the HTTP library processes at once.
const TURN_BYTES: usize = 16 << 10;

/// A stream that is returned to its [`Owner`] when the server drops it.
pub(super) struct Lent<S> {
    stream: Option<S>,
    meter: Arc<ConnectionMeter>,
    owner: Option<oneshot::Sender<S>>,
    /// Bytes read since the task of the connection last yielded.
    read: usize,
}

/// Receives the stream of a [`Lent`] once the server has dropped it.
pub(super) struct Owner<S>(oneshot::Receiver<S>);

/// Lends a stream to a server that consumes it. `meter` counts the bytes that the server reads.
pub(super) fn lend<S>(stream: S, meter: Arc<ConnectionMeter>) -> (Lent<S>, Owner<S>) {
    let (sender, receiver) = oneshot::channel();
    (Lent { stream: Some(stream), meter, owner: Some(sender), read: 0 }, Owner(receiver))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Owner<S> {
    /// Waits for the stream, which a WebSocket holds until its session has ended. Then closes the gateway's side of it, and
    /// discards further data of the client until the client closes its side, for at most [`CLOSE_TIMEOUT`].
    pub(super) async fn close(self) {
        let Ok(mut stream) = self.0.await else { return };
        let closing = async {
            let mut discarded = [0; DISCARD_BYTES];
            if stream.shutdown().await.is_ok() {
                while matches!(stream.read(&mut discarded).await, Ok(1..)) {}
            }
        };
        // A client that still sends after that time does not read its replies either.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(owner)) = (self.stream.take(), self.owner.take()) {
            // Without an owner the stream is dropped, and so closed, here.
            let _ = owner.send(stream);
        }
    }
}

impl<S: Unpin> Lent<S> {
    /// The stream, present until `self` is dropped.
    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut S>> {
        let stream = self.get_mut().stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= TURN_BYTES {
            self.read = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(self.as_mut().stream()?.poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.read += read;
        Poll::Ready(self.meter.bytes_received(read))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_counts_as_open_while_a_websocket_holds_it() {
        let (client, stream) = tokio::io::duplex(64);
        let (lent, owner) = lend(stream, Arc::default());
        let mut closing = Box::pin(owner.close());
        // Longer than the stream is kept open after the session.
        assert!(tokio::time::timeout(CLOSE_TIMEOUT.mul_f32(1.1), closing.as_mut()).await.is_err());
        drop((lent, client));
        closing.await;
    }
}
