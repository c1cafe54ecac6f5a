//! Calls as messages, seen from the child: what is asked, and how an answer is said.

use std::time::Instant;

use flowrun_sdk::{
    Answer, Call, Cancellation, Documents, ErrorKind, Exception, ExecutorError, Origin, RequestParameters,
    Value,
};
use flowrun_wire::jina::data_request_proto::DataContentProto;
use flowrun_wire::jina::data_request_proto::data_content_proto::Documents as Content;
use flowrun_wire::jina::status_proto::{ExceptionProto, StatusCode};
use flowrun_wire::jina::{DataRequestProto, HeaderProto, StatusProto};
use flowrun_wire::{
    FAILED_DOCUMENTS, ORIGINS, RESULTS, Schema, decode_documents, decode_object, encode_documents,
    encode_object, exception_name,
};
use serde_json::{Map, json};

/// What a message asks.
pub(crate) struct Question<'a> {
    request: &'a str,
    endpoint: &'a str,
    parameters: RequestParameters,
    documents: Documents,
    origins: Vec<Origin>,
}

impl<'a> Question<'a> {
    /// What `message` asks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn of(message: &'a DataRequestProto) -> Result<Self, ExecutorError> {
        let nonsense = |error: flowrun_wire::WireError| {
            ExecutorError::new(ErrorKind::Internal, format_args!("the call cannot be read: {error}"))
        };
        let mut parameters =
            decode_object(message.parameters.as_deref().unwrap_or_default()).map_err(nonsense)?;
        let documents = match message.data.as_ref().and_then(|data| data.documents.as_ref()) {
            Some(Content::Docs(list)) => decode_documents(list.clone(), Schema::V1).map_err(nonsense)?,
            _ => Documents::new(),
        };
        let header = message.header.as_ref();
        Ok(Self {
            request: header.map_or("", |header| &header.request_id),
            endpoint: header.and_then(|header| header.exec_endpoint.as_deref()).unwrap_or_default(),
            origins: origins(parameters.remove(ORIGINS)),
            parameters,
            documents,
        })
    }

    /// The call.
    pub(crate) fn call(
        &self,
        deadline: Option<Instant>,
        cancellation: Cancellation,
        bytes_max: usize,
    ) -> Call<'_> {
        Call::new(self.endpoint, self.documents.clone(), &self.parameters)
            .with_request_id(self.request)
            .with_origins(self.origins.clone())
            .with_deadline(deadline, cancellation)
            .with_bytes_max(bytes_max)
    }
}

/// What `caller` wrote of where documents came from.
fn origins(told: Option<Value>) -> Vec<Origin> {
    let origin = |told: &Value| {
        let (executor, documents) = (told.get(0)?.as_str()?, told.get(1)?.as_f64()?);
        Some(Origin { executor: executor.into(), documents: documents as usize })
    };
    told.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(origin).collect()
}

/// The answer of `act` to a message.
pub(crate) fn by(
    message: &DataRequestProto,
    act: impl FnOnce(&Question<'_>) -> Result<Answer, ExecutorError>,
) -> DataRequestProto {
    reply(Question::of(message).and_then(|question| act(&question)))
}

/// The message that says how a call ended.
pub(crate) fn reply(result: Result<Answer, ExecutorError>) -> DataRequestProto {
    let Answer { documents, failures, results, remote_results } = match result {
        Ok(answer) => answer,
        Err(error) => return failed(&error),
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

/// The message that says that a call failed.
pub(crate) fn failed(error: &ExecutorError) -> DataRequestProto {
    let name = exception_name(error.kind());
    let ours =
        Exception { name: name.to_owned(), args: vec![error.message().to_owned()], ..Exception::default() };
    let Exception { name, args, stacks, executor } = error.exception().cloned().unwrap_or(ours);
    let status = StatusProto {
        code: StatusCode::Error.into(),
        description: error.message().to_owned(),
        exception: Some(ExceptionProto { name, args, stacks, executor }),
    };
    let header = HeaderProto { status: Some(status), ..HeaderProto::default() };
    DataRequestProto { header: Some(header), ..DataRequestProto::default() }
}
