//! The least that can answer a client of Jina: tonic's codec over hyper, which sends every message back.
//!
//! The messages are the gateway's, documents in them left as bytes; nothing is looked into. Prints where it listens.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a peer to measure against, which cannot go on alone"
)]

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::post;
use flowrun_sdk::wire::jina::DataRequestProto;
use futures_util::StreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tonic::server::Grpc;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// Requests are made on one thread and end on another; both sides of the comparison have the same allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn grpc() -> Grpc<ProstCodec<DataRequestProto, DataRequestProto>> {
    Grpc::new(ProstCodec::default()).max_decoding_message_size(256 << 20)
}

async fn unary(request: Request) -> Result<Response, Infallible> {
    let echo = tower::service_fn(|request: tonic::Request<DataRequestProto>| async {
        Ok::<_, Status>(tonic::Response::new(request.into_inner()))
    });
    Ok(grpc().unary(echo, request).await.map(axum::body::Body::new))
}

async fn stream(request: Request) -> Result<Response, Infallible> {
    let echo = tower::service_fn(|request: tonic::Request<Streaming<DataRequestProto>>| async {
        Ok::<_, Status>(tonic::Response::new(request.into_inner().boxed()))
    });
    Ok(grpc().streaming(echo, request).await.map(axum::body::Body::new))
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/jina.JinaSingleDataRequestRPC/process_single_data", post(unary))
        .route("/jina.JinaRPC/Call", post(stream));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http2().initial_stream_window_size(1 << 20).initial_connection_window_size(16 << 20);
            // Clients that go away are none of its business.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
