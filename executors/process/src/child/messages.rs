//! Conversion of calls and replies between `DataRequestProto` messages and the types of the SDK.

use std::time::Instant;

use flowrun_sdk::{
    Answer, Call, Cancellation, Documents, ErrorKind, Exception, ExecutorError, Origin, RequestParameters,
};
use flowrun_wire::jina::data_request_proto::DataContentProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::status_proto::{ExceptionProto, StatusCode};
use flowrun_wire::jina::{DataRequestProto, HeaderProto, StatusProto};
use flowrun_wire::{
    FAILED_DOCUMENTS, ORIGINS, RESULTS, Schema, decode_documents, decode_object, decode_origins,
    encode_documents, encode_object, exception_name,
};
use serde_json::{Map, json};

/// The decoded message of a call.
pub(super) struct DecodedCall<'a> {
    request_id: &'a str,
    endpoint: &'a str,
    parameters: RequestParameters,
    documents: Documents,
    origins: Vec<Origin>,
}

impl<'a> DecodedCall<'a> {
    /// Decodes the message of a call.
    ///
    /// # Errors
    /// If the parameters or the documents are malformed.
    pub(super) fn decode(message: &'a DataRequestProto) -> Result<Self, ExecutorError> {
        let malformed = |error: flowrun_wire::WireError| {
            ExecutorError::new(ErrorKind::Internal, format_args!("the call cannot be decoded: {error}"))
        };
        let mut parameters =
            decode_object(message.parameters.as_deref().unwrap_or_default()).map_err(malformed)?;
        let documents = match message.data.as_ref().and_then(|data| data.documents.as_ref()) {
            Some(Content::Docs(list)) => decode_documents(list.clone(), Schema::V1).map_err(malformed)?,
            _ => Documents::new(),
        };
        let header = message.header.as_ref();
        Ok(Self {
            request_id: header.map_or("", |header| &header.request_id),
            endpoint: header.and_then(|header| header.exec_endpoint.as_deref()).unwrap_or_default(),
            origins: decode_origins(parameters.remove(ORIGINS).as_ref()),
            parameters,
            documents,
        })
    }

    /// Builds the call of the SDK. The documents are shared, not copied.
    pub(super) fn to_call(
        &self,
        deadline: Option<Instant>,
        cancellation: Cancellation,
        bytes_max: usize,
    ) -> Call<'_> {
        Call::new(self.endpoint, self.documents.clone(), &self.parameters)
            .with_request_id(self.request_id)
            .with_origins(self.origins.clone())
            .with_deadline(deadline, cancellation)
            .with_bytes_max(bytes_max)
    }
}

/// Encodes the result of a call.
pub(super) fn reply_message(result: Result<Answer, ExecutorError>) -> DataRequestProto {
    let Answer { documents, failures, results, remote_results } = match result {
        Ok(answer) => answer,
        Err(error) => return failure_message(&error),
    };
    let mut parameters = Map::new();
    let results: Map<_, _> = results.into_iter().chain(remote_results).collect();
    if !results.is_empty() {
        parameters.insert(RESULTS.to_owned(), results.into());
    }
    if !failures.is_empty() {
        let failures = failures.into_iter().map(|failure| {
            let error = failure.error;
            (failure.id, json!({"executor": "", "kind": error.kind().code(), "message": error.message()}))
        });
        parameters.insert(FAILED_DOCUMENTS.to_owned(), failures.collect::<Map<_, _>>().into());
    }
    let documents = Some(Content::Docs(encode_documents(&documents, Schema::V1)));
    DataRequestProto {
        parameters: (!parameters.is_empty()).then(|| encode_object(&parameters).into()),
        data: Some(DataContentProto { documents }),
        ..DataRequestProto::default()
    }
}

/// Encodes the error of a failed call.
pub(super) fn failure_message(error: &ExecutorError) -> DataRequestProto {
    let name = exception_name(error.kind());
    let default =
        Exception { name: name.to_owned(), args: vec![error.message().to_owned()], ..Exception::default() };
    let Exception { name, args, stacks, executor } = error.exception().cloned().unwrap_or(default);
    let status = StatusProto {
        code: StatusCode::Error.into(),
        description: error.message().to_owned(),
        exception: Some(ExceptionProto { name, args, stacks, executor }),
    };
    let header = HeaderProto { status: Some(status), ..HeaderProto::default() };
    DataRequestProto { header: Some(header), ..DataRequestProto::default() }
}
