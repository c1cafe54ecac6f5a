//! TLS: every protocol over it, no plaintext, handshake timeout, certificate reload.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flowrun::gateway::Tls;
use flowrun::spec::TlsFiles;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_tungstenite::tungstenite::Message;

use super::streams::{UNARY, data_request};
use crate::support::client::{Grpc, ServedFlow, http_over, serve_with_tls};

const MISC: &str = "- {name: misc, uses: Misc}";

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// Paths of the certificate and its key.
fn files(directory: &Path) -> TlsFiles {
    TlsFiles { certificate: directory.join("tls.crt"), key: directory.join("tls.key") }
}

/// Generates a certificate and its key, and writes them to `directory`.
fn write_files(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let TlsFiles { certificate, key } = files(directory);
    std::fs::write(certificate, made.cert.pem()).unwrap();
    std::fs::write(key, made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

/// Connects, trusting only `certificate`.
async fn connect(
    served: &ServedFlow,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(served.address()).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn every_protocol_is_served_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = write_files(directory.path());
    let served = serve_with_tls(MISC, Tls::read(files(directory.path())).unwrap()).await;

    let stream = connect(&served, &certificate, b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let called = Grpc::over(stream).await.call(UNARY, &[], &[&data_request("a", "/echo")]).await;
    assert_eq!((called.status, called.messages.len()), (0, 1), "{called:?}");

    let stream = connect(&served, &certificate, b"http/1.1").await.unwrap();
    let head = "content-type: application/json\r\n";
    let (code, _, body) = http_over(stream, "POST", "/post", head, r#"{"data":[{"text":"a"}]}"#).await;
    assert_eq!((code, body.contains(r#""text":"a""#)), (200, true), "{body}");

    let stream = connect(&served, &certificate, b"http/1.1").await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("wss://localhost/", stream).await.unwrap();
    socket.send(Message::text(r#"{"data":[{"text":"b"}],"exec_endpoint":"/echo"}"#)).await.unwrap();
    let Some(Ok(Message::Text(answer))) = socket.next().await else { panic!("expected a text frame") };
    assert!(answer.contains(r#""text":"b""#), "{answer}");
    drop(socket);
    assert!(served.drain().await.completed());
}

#[tokio::test]
async fn plaintext_requests_get_no_response() {
    let directory = tempfile::tempdir().unwrap();
    write_files(directory.path());
    let served = serve_with_tls(MISC, Tls::read(files(directory.path())).unwrap()).await;
    let mut stream = TcpStream::connect(served.address()).await.unwrap();
    stream.write_all(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection may be reset, because unread data is left.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_stalls_in_the_handshake_is_disconnected() {
    let directory = tempfile::tempdir().unwrap();
    write_files(directory.path());
    let tls = Tls::read(files(directory.path())).unwrap().with_times(Duration::from_millis(20), LONG);
    let served = serve_with_tls(MISC, tls).await;
    for sent in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(served.address()).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 1])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    }
}

#[tokio::test]
async fn a_stalled_handshake_does_not_delay_draining() {
    let directory = tempfile::tempdir().unwrap();
    write_files(directory.path());
    let tls = Tls::read(files(directory.path())).unwrap().with_times(LONG, LONG);
    let served = serve_with_tls(MISC, tls).await;
    let _stalled = TcpStream::connect(served.address()).await.unwrap();
    assert!(served.drain().await.completed());
}

#[tokio::test]
async fn a_changed_certificate_is_reloaded_and_an_invalid_one_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let old = write_files(directory.path());
    let tls = Tls::read(files(directory.path())).unwrap().with_times(LONG, Duration::ZERO);
    let served = serve_with_tls(MISC, tls).await;
    assert!(connect(&served, &old, b"h2").await.is_ok());

    std::fs::write(files(directory.path()).certificate, "broken").unwrap();
    assert!(connect(&served, &old, b"h2").await.is_ok());
    std::fs::remove_file(files(directory.path()).key).unwrap();
    assert!(connect(&served, &old, b"h2").await.is_ok());

    let new = write_files(directory.path());
    assert!(connect(&served, &new, b"h2").await.is_ok());
    assert!(connect(&served, &old, b"h2").await.is_err());
}

#[tokio::test]
async fn files_are_checked_at_most_once_per_interval() {
    let directory = tempfile::tempdir().unwrap();
    let old = write_files(directory.path());
    let tls = Tls::read(files(directory.path())).unwrap().with_times(LONG, LONG);
    let served = serve_with_tls(MISC, tls).await;
    write_files(directory.path());
    assert!(connect(&served, &old, b"h2").await.is_ok());
}
