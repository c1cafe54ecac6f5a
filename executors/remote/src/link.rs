//! A connection to an executor elsewhere, and what was learnt about who is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowrun_wire::Schema;
use flowrun_wire::jina::{DataRequestProto, EndpointsProto, JinaInfoProto};
use tonic::Code;
use tonic::codegen::http::uri::PathAndQuery;

use crate::metadata::Metadata;
use crate::parameters::Spoken;
use crate::{Address, Channel, NoReply, Trust, Unreachable};

const UNARY: PathAndQuery = PathAndQuery::from_static("/jina.JinaSingleDataRequestRPC/process_single_data");
const STREAM: PathAndQuery = PathAndQuery::from_static("/jina.JinaRPC/Call");
const ENDPOINTS: PathAndQuery =
    PathAndQuery::from_static("/jina.JinaDiscoverEndpointsRPC/endpoint_discovery");
const INFO: PathAndQuery = PathAndQuery::from_static("/jina.JinaInfoRPC/_status");

/// Bytes of one reply: what a request of flowrun's may hold.
const REPLY_BYTES_MAX: usize = 256 << 20;

/// How long the other side may take to say who it is. Who does not say is asked all the same.
const LEARN_TIMEOUT: Duration = Duration::from_secs(5);

/// The endpoint that stands for all others, as Jina lists it.
const DEFAULT_ENDPOINT: &str = "/default";

/// The first version of docarray with the second schema.
const SECOND_SCHEMA_SINCE: (u32, u32) = (0, 30);

/// A connection, and what was learnt on it. Copies share it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    channel: Channel,
    /// The endpoints that the other side handles, if it says so.
    endpoints: Option<Arc<[String]>>,
    /// The schema to send documents in.
    pub(crate) schema: Schema,
    /// Whether the other side only knows streams.
    streams: Arc<AtomicBool>,
}

/// How links are made.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) trust: Option<Trust>,
    pub(crate) metadata: Metadata,
    pub(crate) spoken: Spoken,
}

impl Link {
    /// Connects, and asks who is there.
    pub(crate) async fn make(address: &Address, manner: &Manner) -> Result<Self, Unreachable> {
        let channel = Channel::connect(address, manner.trust.as_ref(), REPLY_BYTES_MAX).await?;
        let (endpoints, schema) = tokio::join!(endpoints(&channel, manner), schema(&channel, manner));
        Ok(Self { channel, endpoints, schema, streams: Arc::default() })
    }

    /// Whether nothing can be asked on it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }

    /// Whether the other side has anything to do with requests to `endpoint`.
    pub(crate) fn handles(&self, endpoint: &str) -> bool {
        self.endpoints
            .as_ref()
            .is_none_or(|known| known.iter().any(|name| name == endpoint || name == DEFAULT_ENDPOINT))
    }

    /// Asks; the reply.
    pub(crate) async fn ask(
        &self,
        request: impl Fn() -> tonic::Request<DataRequestProto>,
    ) -> Result<DataRequestProto, NoReply> {
        if !self.streams.load(Ordering::Relaxed) {
            match self.channel.unary(UNARY, request()).await {
                Err(NoReply::Told(Code::Unimplemented, _)) => self.streams.store(true, Ordering::Relaxed),
                ended => return ended.map(tonic::Response::into_inner),
            }
        }
        let stream = request().map(|message| futures_util::stream::once(std::future::ready(message)));
        let mut replies = self.channel.streaming(STREAM, stream).await?;
        let reply = replies.message().await?;
        reply.ok_or_else(|| NoReply::Told(Code::Internal, "the stream ended without a reply".to_owned()))
    }
}

/// The endpoints that the other side lists. Some gateways of Jina do not know theirs, and answer with an error.
async fn endpoints(channel: &Channel, manner: &Manner) -> Option<Arc<[String]>> {
    let listed: EndpointsProto = learn(channel, ENDPOINTS, manner).await?;
    (!listed.endpoints.is_empty()).then(|| listed.endpoints.into())
}

/// The schema to speak.
async fn schema(channel: &Channel, manner: &Manner) -> Schema {
    match manner.spoken {
        Spoken::V1 => Schema::V1,
        Spoken::V2 => Schema::V2,
        Spoken::Auto => {
            let info: Option<JinaInfoProto> = learn(channel, INFO, manner).await;
            let version = info.and_then(|info| info.jina.get("docarray").and_then(|text| version(text)));
            if version.is_some_and(|version| version >= SECOND_SCHEMA_SINCE) {
                Schema::V2
            } else {
                Schema::V1
            }
        }
    }
}

/// What a method answers that wants to know nothing.
async fn learn<T: prost::Message + Default + 'static>(
    channel: &Channel,
    path: PathAndQuery,
    manner: &Manner,
) -> Option<T> {
    let mut request = tonic::Request::new(());
    manner.metadata.add_to(request.metadata_mut());
    request.set_timeout(LEARN_TIMEOUT);
    let answered = tokio::time::timeout(LEARN_TIMEOUT, channel.unary(path, request)).await;
    answered.ok()?.ok().map(tonic::Response::into_inner)
}

/// The first two numbers of a version.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_says_which_schema_is_spoken() {
        let second = |text| version(text).is_some_and(|version| version >= SECOND_SCHEMA_SINCE);
        assert!(second("0.30.0") && second("0.40.1") && second("1.0"));
        assert!(!second("0.21.1") && !second("0.9") && !second("") && !second("new"));
    }
}
