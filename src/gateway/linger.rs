//! The end of a connection, so that what was sent last arrives.
//!
//! Closing a socket into which a client is still writing, because it was refused by the head of its request or because
//! the service ends, makes the system send a reset, and a reset throws away what the client has not read yet: its last
//! replies. So our side is closed first, and what still comes is read and
//! dropped until the client closes too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;

use crate::limits::CLOSE_TIMEOUT;

/// What is dropped at a time.
const DROPPED_BYTES: usize = 16 << 10;

/// A stream that comes back when whoever serves it has done.
pub(super) struct Lent<S> {
    stream: Option<S>,
    back: Option<oneshot::Sender<S>>,
}

/// Where a lent stream comes back.
pub(super) struct Owner<S>(oneshot::Receiver<S>);

/// Lends a stream.
pub(super) fn lend<S>(stream: S) -> (Lent<S>, Owner<S>) {
    let (back, owner) = oneshot::channel();
    (Lent { stream: Some(stream), back: Some(back) }, Owner(owner))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Owner<S> {
    /// Closes the stream once it is back, and waits for the client to do so, a bounded time.
    pub(super) async fn close(self) {
        let closing = async {
            let Ok(mut stream) = self.0.await else { return };
            let mut dropped = [0; DROPPED_BYTES];
            if stream.shutdown().await.is_ok() {
                while matches!(stream.read(&mut dropped).await, Ok(1..)) {}
            }
        };
        // A client that goes on sending does not read either.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Without an owner it is closed here.
            let _ = back.send(stream);
        }
    }
}

impl<S: Unpin> Lent<S> {
    /// The stream, which is there until this is dropped.
    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut S>> {
        let stream = self.get_mut().stream.as_mut().map(Pin::new);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
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
