//! Describes connections that fail because one side uses TLS and the other does not, or because of a certificate.
//!
//! The errors of the libraries name neither the cause nor the remedy: a TLS alert looks like an HTTP/2 frame of invalid
//! size, for example.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::{CertificateError, Error};

/// First bytes of a TLS alert: record type and major version. An HTTP/2 connection starts with a SETTINGS frame, which
/// would have a length of more than 1 MB.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// Describes a failed TLS handshake.
pub(crate) fn tls_problem(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let remedy = match cause {
        Some(Error::InvalidMessage(_)) => Some("this port does not speak TLS: use grpc://"),
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Some(
            "the server's certificate is not trusted: name a PEM file with its authority, or with the certificate itself, \
             as `ca` (`--ca` on the command line)",
        ),
        Some(Error::InvalidCertificate(CertificateError::Other(other)))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            Some(
                "the server's certificate is marked as an authority (CA:TRUE) and is not accepted as that of a server: \
                 create it with `openssl req -x509 -addext basicConstraints=CA:FALSE`",
            )
        }
        _ => None,
    };
    remedy.map_or_else(
        || format!("TLS handshake failed: {error}"),
        |remedy| format!("TLS handshake failed: {remedy}"),
    )
}

/// Cause of the failure of a connection, if it is known better than from the errors of its calls. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionProblem(Arc<OnceLock<&'static str>>);

impl ConnectionProblem {
    /// The cause, or else `error`.
    pub(crate) fn or(&self, error: String) -> String {
        self.0.get().map_or(error, |problem| (*problem).to_owned())
    }
}

/// A connection without TLS, which fails with a clear error if the server answers with a TLS alert.
pub(crate) struct PlaintextStream<S> {
    stream: S,
    has_read: bool,
    problem: ConnectionProblem,
}

impl<S> PlaintextStream<S> {
    /// Wraps a connection that nothing was read from. `problem` is set before the error is returned, because calls may
    /// only see that the connection is closed.
    pub(crate) fn new(stream: S, problem: ConnectionProblem) -> Self {
        Self { stream, has_read: false, problem }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PlaintextStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let is_first = !std::mem::replace(&mut self.has_read, true);
        if is_first && buffer.filled().get(before..).is_some_and(|read| read.starts_with(&TLS_ALERT)) {
            // A failed read returns no bytes.
            buffer.set_filled(before);
            let problem = self.problem.0.get_or_init(|| "this port speaks TLS: use grpcs://");
            return Poll::Ready(Err(io::Error::other(*problem)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> PlaintextStream<S> {
    /// The result of a failed write: the alert that the server sent before it closed the connection, or else `error`. Waits
    /// for the first read, which ends because the connection is closed.
    fn failed_write(&mut self, context: &mut Context<'_>, error: io::Error) -> Poll<io::Result<usize>> {
        if !self.has_read {
            let mut bytes = [0; TLS_ALERT.len()];
            ready!(Pin::new(self).poll_read(context, &mut ReadBuf::new(&mut bytes)))?;
        }
        Poll::Ready(Err(error))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PlaintextStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write(context, bytes)) {
            Ok(written) => Poll::Ready(Ok(written)),
            Err(error) => self.failed_write(context, error),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match ready!(Pin::new(&mut self.stream).poll_write_vectored(context, bytes)) {
            Ok(written) => Poll::Ready(Ok(written)),
            Err(error) => self.failed_write(context, error),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        let problem = ConnectionProblem::default();
        let stream = tokio::io::join(bytes, tokio::io::sink());
        let result = PlaintextStream::new(stream, problem.clone()).read_to_end(&mut read).await;
        assert_eq!(result.is_err(), problem.or(String::new()) == "this port speaks TLS: use grpcs://");
        result.map(|_| read)
    }

    #[tokio::test]
    async fn a_tls_alert_is_reported_as_such_and_other_bytes_pass() {
        let alert = read(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0a]).await.unwrap_err();
        assert_eq!(alert.to_string(), "this port speaks TLS: use grpcs://");
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0];
        assert_eq!(read(&settings).await.unwrap(), settings);
    }

    #[test]
    fn a_port_without_tls_and_a_certificate_of_an_authority_are_explained() {
        let problem = |error: Error| tls_problem(&io::Error::new(io::ErrorKind::InvalidData, error));
        let plain = Error::InvalidMessage(tokio_rustls::rustls::InvalidMessage::InvalidContentType);
        assert_eq!(problem(plain), "TLS handshake failed: this port does not speak TLS: use grpc://");
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert!(problem(unknown).contains("is not trusted"));
        let expired = Error::InvalidCertificate(CertificateError::Expired);
        assert!(problem(expired).contains("xpired"), "the error of the library is the message");
    }
}
