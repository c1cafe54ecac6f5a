//! A connection to a remote executor, with the endpoints and the document schema that the peer reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowrun_wire::jina::{DataRequestProto, EndpointsProto, JinaInfoProto};
use flowrun_wire::{Schema, WORKER_INFO};
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;

use crate::metadata::Metadata;
use crate::parameters::SchemaChoice;
use crate::{Address, CallError, Channel, TrustStore, Unreachable};

const UNARY: PathAndQuery = PathAndQuery::from_static("/jina.JinaSingleDataRequestRPC/process_single_data");
const STREAM: PathAndQuery = PathAndQuery::from_static("/jina.JinaRPC/Call");
const ENDPOINTS: PathAndQuery =
    PathAndQuery::from_static("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery");
const INFO: PathAndQuery = PathAndQuery::from_static("/jina.JinaInfoRPC/_status");

/// Maximum bytes of a reply: the limit of a request inside a flow.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// Maximum bytes of a list of endpoints, and of names and versions.
const DISCOVERY_BYTES_MAX: usize = 1 << 20;

/// Limit on querying endpoints and schema. A peer that does not reply is called with the defaults.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval of keepalive pings to workers, and time for the answer: a connection whose host has vanished ends after twice
/// this time. Other peers get no pings, because servers of gRPC's C core end connections that send them.
const WORKER_KEEPALIVE: Duration = Duration::from_secs(5);

/// The name under which Jina lists a handler of all other endpoints.
const DEFAULT_ENDPOINT: &str = "/default";

/// The first version of docarray with the second schema.
const SECOND_SCHEMA_SINCE: (u32, u32) = (0, 30);

/// A connection and the properties of its peer. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    channel: Channel,
    /// The endpoints that the peer handles, if it reports them.
    endpoints: Option<Arc<[String]>>,
    /// The schema of documents sent to the peer.
    pub(crate) schema: Schema,
    /// Set once the peer has rejected unary calls as unimplemented: it accepts streams only.
    streams_only: Arc<AtomicBool>,
}

/// Options for connecting to a peer.
#[derive(Clone, Debug)]
pub(crate) struct PeerOptions {
    /// Trusted certificate authorities; `None` for those of this machine.
    pub(crate) trust: Option<TrustStore>,
    pub(crate) schema: SchemaChoice,
    /// Set if the peers are workers of this flow, which must accept the metadata of the calls.
    pub(crate) is_worker: bool,
}

impl Peer {
    /// Connects and queries the endpoints and the schema of the peer.
    ///
    /// # Errors
    /// If the peer cannot be reached, or is a worker that rejects calls with this metadata.
    pub(crate) async fn connect(
        address: &Address,
        metadata: &Metadata,
        options: &PeerOptions,
    ) -> Result<Self, Unreachable> {
        let keepalive = options.is_worker.then_some(WORKER_KEEPALIVE);
        let channel = Channel::connect(address, options.trust.as_ref(), REPLY_BYTES_MAX, keepalive).await?;
        let discovery = channel.with_reply_bytes_max(DISCOVERY_BYTES_MAX);
        let (endpoints, info) = tokio::join!(endpoints(&discovery, metadata), info(&discovery, metadata));
        let refused = |reason: String| Unreachable { address: address.clone(), reason };
        let schema = match (options.schema, info) {
            (_, Err(reason)) if options.is_worker => return Err(refused(reason)),
            (_, Ok(info)) if options.is_worker && !info.jina.contains_key(WORKER_INFO) => {
                return Err(refused(
                    "it is not a worker of flowrun: start it by `flowrun worker`".to_owned(),
                ));
            }
            (SchemaChoice::V1, _) => Schema::V1,
            (SchemaChoice::V2, _) => Schema::V2,
            (SchemaChoice::Auto, info) => schema(&info.unwrap_or_default()),
        };
        Ok(Self { channel, endpoints, schema, streams_only: Arc::default() })
    }

    /// `true` once the connection accepts no further calls.
    pub(crate) fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// `true` if the peer handles `endpoint`, or does not report its endpoints.
    pub(crate) fn handles(&self, endpoint: &str) -> bool {
        self.endpoints
            .as_ref()
            .is_none_or(|known| known.iter().any(|name| name == endpoint || name == DEFAULT_ENDPOINT))
    }

    /// Sends a request, over a stream if the peer supports no unary calls. `request` builds it, twice if the first unary call is
    /// rejected.
    ///
    /// # Errors
    /// [`CallError`] if there is no reply.
    pub(crate) async fn send(
        &self,
        request: impl Fn() -> tonic::Request<DataRequestProto>,
    ) -> Result<DataRequestProto, CallError> {
        if !self.streams_only.load(Ordering::Relaxed) {
            match self.channel.unary(UNARY, request()).await {
                Err(CallError::Status(Code::Unimplemented, _)) => {
                    self.streams_only.store(true, Ordering::Relaxed)
                }
                ended => return ended.map(tonic::Response::into_inner),
            }
        }
        let stream = request().map(|message| futures_util::stream::once(std::future::ready(message)));
        let mut replies = self.channel.streaming(STREAM, stream).await?;
        let reply = replies.message().await?;
        reply.ok_or_else(|| CallError::Status(Code::Internal, "the stream ended without a reply".to_owned()))
    }
}

/// The endpoints that the peer lists; `None` if it lists none or fails, as some Jina gateways do.
async fn endpoints(channel: &Channel, metadata: &Metadata) -> Option<Arc<[String]>> {
    let listed: EndpointsProto = query(channel, ENDPOINTS, metadata).await.ok()?;
    (!listed.endpoints.is_empty()).then(|| listed.endpoints.into())
}

/// Names and versions of the peer.
async fn info(channel: &Channel, metadata: &Metadata) -> Result<JinaInfoProto, String> {
    query(channel, INFO, metadata).await
}

/// The schema for documents, chosen by the peer's version of docarray.
fn schema(info: &JinaInfoProto) -> Schema {
    let version = info.jina.get("docarray").and_then(|text| version(text));
    if version.is_some_and(|version| version >= SECOND_SCHEMA_SINCE) { Schema::V2 } else { Schema::V1 }
}

/// Calls a method with an empty request. The error is the reason in words.
async fn query<T: prost::Message + Default + 'static>(
    channel: &Channel,
    path: PathAndQuery,
    metadata: &Metadata,
) -> Result<T, String> {
    let mut request = tonic::Request::new(());
    metadata.add_to(request.metadata_mut());
    request.set_timeout(DISCOVERY_TIMEOUT);
    match tokio::time::timeout(DISCOVERY_TIMEOUT, channel.unary(path, request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(CallError::Status(_, message) | CallError::Broken(message))) => Err(message),
        Err(_) => Err(format!("no answer within {} s", DISCOVERY_TIMEOUT.as_secs())),
    }
}

/// Major and minor number of a version.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_follows_from_the_version_of_docarray() {
        let second = |text| version(text).is_some_and(|version| version >= SECOND_SCHEMA_SINCE);
        assert!(second("0.30.0") && second("0.40.1") && second("1.0"));
        assert!(!second("0.21.1") && !second("0.9") && !second("") && !second("new"));
    }
}
