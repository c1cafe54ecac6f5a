//! From a message to a question.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowrun_sdk::wire::from_struct;
use flowrun_sdk::{Documents, RequestParameters};

use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::{DataRequestProto, HeaderProto};
use super::reply::encode_documents;
use super::{Caller, Schema, v1, v2};
use crate::gateway::exchange::{Question, Refusal};
use crate::runtime::joined;

/// The parameter by which a request says how many seconds it may take.
pub(crate) const PARAMETER_TIMEOUT: &str = "__timeout__";

/// What of a request its reply needs.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// Its header.
    pub(crate) header: HeaderProto,
    /// Its parameters, as they came.
    pub(crate) parameters: prost_types::Struct,
    /// The schema of its documents.
    pub(crate) schema: Schema,
    /// Its documents, as they came: what a failed request is answered with.
    pub(crate) documents: Bytes,
}

/// Opens a message. What is wrong with its content is told beside the envelope, so that it can be answered.
pub(crate) fn open(message: DataRequestProto, caller: &Caller) -> (Envelope, Result<Question, Refusal>) {
    let DataRequestProto { header, parameters, data, .. } = message;
    let (bytes, pickled) = match data.and_then(|data| data.documents) {
        None => (Bytes::new(), false),
        Some(Content::Docs(documents)) => (documents, false),
        Some(Content::DocsBytes(_)) => (Bytes::new(), true),
    };
    let envelope = Envelope {
        header: header.unwrap_or_default(),
        parameters: parameters.unwrap_or_default(),
        schema: Schema::of_documents(&bytes),
        documents: bytes,
    };
    let documents = match pickled {
        true => Err("`docs_bytes` is a Python pickle, which is never opened; send `docs`".to_owned()),
        false => documents(&envelope),
    };
    let question =
        documents.map(|documents| question(&envelope, documents, caller)).map_err(Refusal::Invalid);
    (envelope, question)
}

/// Opens several messages as one, as a join in front of the flow would: their documents are merged by id, and
/// everything else is the first one's.
pub(crate) fn open_joined(
    messages: Vec<DataRequestProto>,
    caller: &Caller,
) -> (Envelope, Result<Question, Refusal>) {
    let mut opened = messages.into_iter().map(|message| open(message, caller));
    let (mut envelope, first) = opened.next().unwrap_or_else(|| open(DataRequestProto::default(), caller));
    let mut others = opened.map(|(_, question)| question.map(|question| question.documents)).peekable();
    if others.peek().is_none() {
        return (envelope, first);
    }
    let question = first.and_then(|question| {
        let others: Vec<Documents> = others.collect::<Result<_, _>>()?;
        let documents = joined(std::iter::once(question.documents).chain(others));
        Ok(Question { documents, ..question })
    });
    if let Ok(question) = &question {
        envelope.documents = encode_documents(&question.documents, envelope.schema);
    }
    (envelope, question)
}

fn documents(envelope: &Envelope) -> Result<Documents, String> {
    let bytes = envelope.documents.clone();
    match envelope.schema {
        Schema::V1 => v1::decode_documents(bytes).map_err(|error| error.to_string()),
        Schema::V2 => v2::decode_documents(bytes).map_err(|error| format!("not a document message: {error}")),
    }
}

fn question(envelope: &Envelope, documents: Documents, caller: &Caller) -> Question {
    let header = &envelope.header;
    let parameters = from_struct(envelope.parameters.clone());
    let said =
        header.timeout.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
    let own =
        said.or_else(|| timeout_of(&parameters)).and_then(|timeout| Instant::now().checked_add(timeout));
    Question {
        id: caller.name(&header.request_id),
        endpoint: header.exec_endpoint.clone().unwrap_or_default(),
        target: header.target_executor.clone().unwrap_or_default(),
        parameters,
        documents,
        deadline: [caller.deadline, own].into_iter().flatten().min(),
        parent: caller.parent.clone(),
    }
}

/// The time that the parameters grant.
pub(crate) fn timeout_of(parameters: &RequestParameters) -> Option<Duration> {
    let seconds = parameters.get(PARAMETER_TIMEOUT)?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}
