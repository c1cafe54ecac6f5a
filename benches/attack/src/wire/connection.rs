//! A TCP connection that counts the bytes sent in the [`Traffic`] of the attack.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::attack::Traffic;

/// Size of the buffer for discarded replies.
const BUFFER_BYTES: usize = 64 << 10;

/// Longest response head that is waited for.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A connection of an attack.
pub(crate) struct Connection {
    input: OwnedReadHalf,
    output: OwnedWriteHalf,
    traffic: Arc<Traffic>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, traffic: Arc<Traffic>) -> Self {
        let (input, output) = stream.into_split();
        Self { input, output, traffic }
    }

    /// Sends `bytes`. The bytes are counted as they are written, so that a connection that breaks in between is counted
    /// correctly.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        send(&mut self.output, bytes, &self.traffic).await
    }

    /// Reads and discards until the service closes the connection.
    pub(crate) async fn discard(&mut self) -> io::Result<()> {
        discard(&mut self.input).await
    }

    /// Reads to the end of a response head, or at most [`HEAD_BYTES_MAX`] bytes.
    pub(crate) async fn response_head(&mut self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
            head.push(self.input.read_u8().await?);
        }
        Ok(head)
    }

    /// Sends `bytes` repeatedly until the connection ends, and at the same time discards replies if `reads` is set.
    pub(crate) async fn flood(self, bytes: &[u8], reads: bool) -> io::Result<()> {
        let Self { mut input, mut output, traffic } = self;
        let sending = async {
            loop {
                send(&mut output, bytes, &traffic).await?;
            }
        };
        let reading = async { if reads { discard(&mut input).await } else { std::future::pending().await } };
        tokio::select! { ended = sending => ended, ended = reading => ended }
    }

    /// The stream, for a client that frames messages itself.
    pub(crate) fn into_stream(self) -> io::Result<TcpStream> {
        self.input.reunite(self.output).map_err(io::Error::other)
    }
}

async fn send(output: &mut OwnedWriteHalf, bytes: &[u8], traffic: &Traffic) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = output.write(rest).await?;
        traffic.sent(written);
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

async fn discard(input: &mut OwnedReadHalf) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while input.read(&mut buffer).await? > 0 {}
    Ok(())
}
