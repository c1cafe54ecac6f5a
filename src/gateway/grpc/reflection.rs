//! `grpc.reflection.v1alpha`: which services there are, and their schema. Jina's own gateway asks before it calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use tonic::{Code, Status, Streaming};

use super::{REFLECTION, SERVICES, grpc, response};
use crate::gateway::service::Gateway;

#[expect(unreachable_pub, clippy::enum_variant_names, reason = "written by prost from the .proto file")]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/grpc.reflection.v1alpha.rs"));
}
use messages::server_reflection_request::MessageRequest;
use messages::server_reflection_response::MessageResponse;
use messages::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};

/// Answers questions one after the other.
pub(super) async fn info(State(_): State<Arc<Gateway>>, request: Request) -> Response {
    let service = tower::service_fn(|request: tonic::Request<Streaming<ServerReflectionRequest>>| async {
        let replies = request.into_inner().map(|question| question.map(answer));
        Ok::<_, Status>(tonic::Response::new(replies))
    });
    response(grpc::<ServerReflectionRequest, ServerReflectionResponse>().streaming(service, request).await)
}

fn answer(question: ServerReflectionRequest) -> ServerReflectionResponse {
    let unknown = |what: &str| {
        let error_message = format!("nothing here is called `{what}`");
        MessageResponse::ErrorResponse(ErrorResponse { error_code: Code::NotFound.into(), error_message })
    };
    let answer = match &question.message_request {
        Some(MessageRequest::ListServices(_)) => {
            let service = std::iter::once(REFLECTION)
                .chain(SERVICES)
                .map(|name| ServiceResponse { name: name.to_owned() });
            MessageResponse::ListServicesResponse(ListServiceResponse { service: service.collect() })
        }
        Some(MessageRequest::FileByFilename(name)) => files(name).unwrap_or_else(|| unknown(name)),
        Some(MessageRequest::FileContainingSymbol(symbol)) => {
            let file = DESCRIPTORS.file_of(symbol);
            file.and_then(files).unwrap_or_else(|| unknown(symbol))
        }
        None => {
            let error_message = "the request asks for nothing that is known here".to_owned();
            MessageResponse::ErrorResponse(ErrorResponse {
                error_code: Code::Unimplemented.into(),
                error_message,
            })
        }
    };
    ServerReflectionResponse {
        valid_host: question.host.clone(),
        original_request: Some(question),
        message_response: Some(answer),
    }
}

/// A file and, behind it, those that it imports.
fn files(name: &str) -> Option<MessageResponse> {
    let mut names = vec![name];
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    while let Some(name) = names.pop() {
        if seen.insert(name) {
            let file = DESCRIPTORS.files.get(name)?;
            files.push(Bytes::from(file.encode_to_vec()));
            names.extend(file.dependency.iter().map(String::as_str));
        }
    }
    Some(MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto: files }))
}

/// The schema, as `proto/` has it.
struct Descriptors {
    files: BTreeMap<String, FileDescriptorProto>,
}

static DESCRIPTORS: LazyLock<Descriptors> = LazyLock::new(|| {
    const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    let set = FileDescriptorSet::decode(BYTES).unwrap_or_default();
    Descriptors { files: set.file.into_iter().map(|file| (file.name().to_owned(), file)).collect() }
});

impl Descriptors {
    /// The name of the file that declares a service, a method or a message.
    fn file_of(&self, symbol: &str) -> Option<&str> {
        let declares = |file: &&FileDescriptorProto| {
            let own = symbol.strip_prefix(file.package()).and_then(|rest| rest.strip_prefix('.'));
            own.is_some_and(|name| {
                let service = |service: &prost_types::ServiceDescriptorProto| {
                    let method = name.strip_prefix(service.name()).and_then(|rest| rest.strip_prefix('.'));
                    name == service.name() || service.method.iter().any(|known| method == Some(known.name()))
                };
                file.service.iter().any(service)
                    || file.message_type.iter().any(|message| has_message(message, name))
            })
        };
        self.files.values().find(declares).map(FileDescriptorProto::name)
    }
}

/// Whether a message, or one within it, has that name.
fn has_message(message: &DescriptorProto, name: &str) -> bool {
    let inner = name.strip_prefix(message.name()).and_then(|rest| rest.strip_prefix('.'));
    name == message.name()
        || inner.is_some_and(|name| message.nested_type.iter().any(|message| has_message(message, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_a_schema_that_is_complete() {
        for symbol in
            SERVICES.iter().chain(&["jina.JinaRPC.Call", "jina.StatusProto.ExceptionProto", REFLECTION])
        {
            let file = DESCRIPTORS.file_of(symbol);
            assert!(file.and_then(files).is_some(), "{symbol}");
        }
        let Some(MessageResponse::FileDescriptorResponse(answer)) =
            DESCRIPTORS.file_of("jina.JinaRPC").and_then(files)
        else {
            panic!("the service has a schema")
        };
        assert_eq!(answer.file_descriptor_proto.len(), 5);
        assert_eq!(DESCRIPTORS.file_of("jina.Nothing"), None);
    }
}
