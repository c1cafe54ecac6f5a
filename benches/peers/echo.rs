//! The minimal service for Jina's clients: a tonic server that sends every message back. Lower bound for the cost of a
//! gateway.
//!
//! Documents are decoded and encoded with prost, as in a service generated from the `.proto` files; with `--bytes` they
//! stay encoded, as in flowrun's gateway. Prints the address that it listens on.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for benchmarks, which prints and may panic"
)]

use std::convert::Infallible;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents;
use futures_util::StreamExt as _;
use prost::Message as _;
use tonic::server::Grpc;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

/// The allocator of flowrun, so that the comparison has the same one on both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A document as prost generates it from `proto/docarray.proto`.
#[derive(Clone, PartialEq, prost::Message)]
struct DocumentProto {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes = "bytes", optional, tag = "2")]
    blob: Option<Bytes>,
    #[prost(message, optional, tag = "3")]
    tensor: Option<NdArrayProto>,
    #[prost(string, optional, tag = "4")]
    text: Option<String>,
    #[prost(uint32, tag = "5")]
    granularity: u32,
    #[prost(uint32, tag = "6")]
    adjacency: u32,
    #[prost(string, tag = "7")]
    parent_id: String,
    #[prost(float, optional, tag = "8")]
    weight: Option<f32>,
    #[prost(string, tag = "9")]
    uri: String,
    #[prost(string, tag = "10")]
    modality: String,
    #[prost(string, tag = "11")]
    mime_type: String,
    #[prost(float, optional, tag = "12")]
    offset: Option<f32>,
    #[prost(float, repeated, tag = "13")]
    location: Vec<f32>,
    #[prost(message, repeated, tag = "14")]
    chunks: Vec<DocumentProto>,
    #[prost(message, repeated, tag = "15")]
    matches: Vec<DocumentProto>,
    #[prost(message, optional, tag = "16")]
    embedding: Option<NdArrayProto>,
    #[prost(message, optional, tag = "17")]
    tags: Option<prost_types::Struct>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct NdArrayProto {
    #[prost(message, optional, tag = "1")]
    dense: Option<DenseNdArrayProto>,
    #[prost(string, tag = "3")]
    cls_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DenseNdArrayProto {
    #[prost(bytes = "bytes", tag = "1")]
    buffer: Bytes,
    #[prost(uint32, repeated, tag = "2")]
    shape: Vec<u32>,
    #[prost(string, tag = "3")]
    dtype: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DocumentArrayProto {
    #[prost(message, repeated, tag = "1")]
    docs: Vec<DocumentProto>,
}

fn grpc() -> Grpc<ProstCodec<DataRequestProto, DataRequestProto>> {
    Grpc::new(ProstCodec::default()).max_decoding_message_size(256 << 20)
}

/// Returns the message, after decoding and encoding its documents if `decodes` is set.
fn echo_message(mut message: DataRequestProto, decodes: bool) -> DataRequestProto {
    let content = message.data.as_mut().and_then(|data| data.documents.as_mut());
    if let (true, Some(Documents::Docs(bytes))) = (decodes, content) {
        *bytes = DocumentArrayProto::decode(bytes.clone()).unwrap().encode_to_vec().into();
    }
    message
}

async fn unary(State(decodes): State<bool>, request: Request) -> Result<Response, Infallible> {
    let echo = tower::service_fn(move |request: tonic::Request<DataRequestProto>| async move {
        Ok::<_, Status>(tonic::Response::new(echo_message(request.into_inner(), decodes)))
    });
    Ok(grpc().unary(echo, request).await.map(axum::body::Body::new))
}

async fn stream(State(decodes): State<bool>, request: Request) -> Result<Response, Infallible> {
    let echo = tower::service_fn(move |request: tonic::Request<Streaming<DataRequestProto>>| async move {
        let replies =
            request.into_inner().map(move |message| message.map(|message| echo_message(message, decodes)));
        Ok::<_, Status>(tonic::Response::new(replies.boxed()))
    });
    Ok(grpc().streaming(echo, request).await.map(axum::body::Body::new))
}

#[tokio::main]
async fn main() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
    println!("{}", incoming.local_addr().unwrap());
    let router = Router::new()
        .route("/jina.JinaSingleDataRequestRPC/process_single_data", post(unary))
        .route("/jina.JinaRPC/Call", post(stream))
        .with_state(!std::env::args().any(|argument| argument == "--bytes"));
    let mut server =
        Server::builder().initial_stream_window_size(1 << 20).initial_connection_window_size(16 << 20);
    server.add_routes(Routes::from(router)).serve_with_incoming(incoming).await.unwrap();
}
