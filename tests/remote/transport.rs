//! Connections to remote executors: TLS, servers that support only streams, and reconnection.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::post;
use flowrun::gateway::Tls;
use flowrun::spec::TlsFiles;
use flowrun_wire::jina::DataRequestProto;
use tonic::Streaming;
use tonic_prost::ProstCodec;

use crate::serving::write_certificate;
use crate::support::client::{serve_at, serve_with_tls};
use crate::support::{error, flow, ids, reply, send};

#[tokio::test]
async fn tls_connections_require_a_trusted_certificate() {
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path(), "tls");
    write_certificate(directory.path(), "other");
    let path_of = |name: &str| directory.path().join(name);
    let files = TlsFiles { certificate: path_of("tls.crt"), key: path_of("tls.key") };
    let served = serve_with_tls("- {name: a, uses: Pass}", Tls::read(files).unwrap()).await;
    let port = served.address().port();
    let ca = |name: &str| path_of(name).display().to_string();
    for keys in [
        format!("external: true, host: localhost, port: {port}, tls: true, ca: {}", ca("tls.crt")),
        format!("uses: 'grpcs://127.0.0.1:{port}', ca: {}", ca("tls.crt")),
    ] {
        let flow = flow(&format!("- {{name: far, {keys}}}")).await;
        assert_eq!(ids(&reply(send(&flow, "/index", &["a"]).await).documents), ["a"], "{keys}");
    }
    for (keys, reason) in [
        (
            format!("uses: 'grpcs://127.0.0.1:{port}', ca: {}, retries: 0", ca("other.crt")),
            "TLS handshake failed",
        ),
        (format!("external: true, port: {port}, retries: 0"), "127.0.0.1"),
    ] {
        let flow = flow(&format!("- {{name: far, {keys}}}")).await;
        let failed = error(send(&flow, "/index", &["a"]).await);
        assert!(failed.to_string().contains(reason), "{failed}");
    }
    assert_eq!(served.flow.request_counts().accepted, 2);
}

/// Implements the stream `JinaRPC/Call` and returns every request unchanged.
async fn echo(request: Request) -> axum::response::Response {
    let service = tower::service_fn(|request: tonic::Request<Streaming<DataRequestProto>>| async move {
        Ok::<_, tonic::Status>(tonic::Response::new(request.into_inner()))
    });
    let mut grpc: tonic::server::Grpc<ProstCodec<DataRequestProto, DataRequestProto>> =
        tonic::server::Grpc::new(ProstCodec::default());
    grpc.streaming(service, request).await.map(axum::body::Body::new)
}

#[tokio::test]
async fn servers_that_support_only_streams_are_called_by_a_stream() {
    let router = Router::new().route("/jina.JinaRPC/Call", post(echo));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let builder =
            Arc::new(hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new()));
        while let Ok((stream, _)) = listener.accept().await {
            let (builder, service) =
                (Arc::clone(&builder), hyper_util::service::TowerToHyperService::new(router.clone()));
            tokio::spawn(async move {
                let _ = builder.serve_connection(hyper_util::rt::TokioIo::new(stream), service).await;
            });
        }
    });
    let flow = flow(&format!("- {{name: far, uses: 'grpc://{address}'}}")).await;
    for _ in 0..2 {
        assert_eq!(ids(&reply(send(&flow, "/index", &["a", "b"]).await).documents), ["a", "b"]);
    }
}

#[tokio::test]
async fn calls_reconnect_when_another_server_takes_over_the_address() {
    let first = serve_at("- {name: a, uses: Pass}", "127.0.0.1:0").await;
    let address = first.address().to_string();
    let flow = flow(&format!("- {{name: far, uses: 'grpc://{address}'}}")).await;
    reply(send(&flow, "/index", &["a"]).await);
    assert!(first.drain().await.completed());
    let second = serve_at("- {name: a, uses: Pass}", &address).await;
    reply(send(&flow, "/index", &["a"]).await);
    assert_eq!(second.flow.request_counts().accepted, 1);
}
