//! From a message to a question.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowrun_sdk::{Documents, RequestParameters};
use flowrun_wire::{Schema, decode_documents, decode_object, encode_documents};

use super::Caller;
use super::jina::data_request_proto::data_content_proto::Documents as Content;
use super::jina::{DataRequestProto, HeaderProto};
use crate::gateway::exchange::{Question, Refusal};
use crate::runtime;

/// The parameter by which a request says how many seconds it may take.
pub(crate) const PARAMETER_TIMEOUT: &str = "__timeout__";

/// What of a request its reply needs.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    /// Its header.
    pub(crate) header: HeaderProto,
    /// Its parameters, as they came.
    pub(crate) parameters: Bytes,
    /// The schema of its documents.
    pub(crate) schema: Schema,
    /// Its documents, as they came: what a failed request is answered with.
    pub(crate) documents: Bytes,
    /// Whether it had a pickle in their place.
    pickled: bool,
}

impl Envelope {
    /// Takes a message apart. Its documents are not read yet: first there must be room for them.
    pub(crate) fn of(message: DataRequestProto) -> Self {
        let DataRequestProto { header, parameters, data, .. } = message;
        let (documents, pickled) = match data.and_then(|data| data.documents) {
            None => (Bytes::new(), false),
            Some(Content::Docs(documents)) => (documents, false),
            Some(Content::DocsBytes(_)) => (Bytes::new(), true),
        };
        Self {
            header: header.unwrap_or_default(),
            parameters: parameters.unwrap_or_default(),
            schema: Schema::of_documents(&documents),
            documents,
            pickled,
        }
    }

    /// The question in it; `caller` is what was said outside it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when it cannot be read.
    pub(crate) fn question(&self, caller: &Caller) -> Result<Question, Refusal> {
        let documents = self.read_documents().map_err(Refusal::Invalid)?;
        let parameters = decode_object(&self.parameters)
            .map_err(|error| Refusal::Invalid(format!("the parameters: {error}")))?;
        let header = &self.header;
        let said =
            header.timeout.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
        let own =
            said.or_else(|| timeout_of(&parameters)).and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Question {
            id: caller.name(&header.request_id),
            endpoint: header.exec_endpoint.clone().unwrap_or_default(),
            target: header.target_executor.clone().unwrap_or_default(),
            parameters,
            documents,
            deadline: [caller.deadline, own].into_iter().flatten().min(),
            parent: caller.parent.clone(),
        })
    }

    fn read_documents(&self) -> Result<Documents, String> {
        if self.pickled {
            return Err("`docs_bytes` is a Python pickle, which is never opened; send `docs`".to_owned());
        }
        decode_documents(self.documents.clone(), self.schema).map_err(|error| error.to_string())
    }
}

/// Several messages as one, as a join in front of the flow would have it: their documents are merged by id, and
/// everything else is the first one's.
pub(crate) fn joined(envelopes: Vec<Envelope>, caller: &Caller) -> (Envelope, Result<Question, Refusal>) {
    let mut envelopes = envelopes.into_iter();
    let mut envelope = envelopes.next().unwrap_or_else(|| Envelope::of(DataRequestProto::default()));
    let question = envelope.question(caller);
    if envelopes.len() == 0 {
        return (envelope, question);
    }
    let question = question.and_then(|question| {
        let others = envelopes.map(|other| other.read_documents().map_err(Refusal::Invalid));
        let others: Vec<Documents> = others.collect::<Result<_, _>>()?;
        let documents = runtime::merge_requests(std::iter::once(question.documents).chain(others));
        Ok(Question { documents, ..question })
    });
    if let Ok(question) = &question {
        envelope.documents = encode_documents(&question.documents, envelope.schema);
    }
    (envelope, question)
}

/// The time that the parameters grant.
pub(crate) fn timeout_of(parameters: &RequestParameters) -> Option<Duration> {
    let seconds = parameters.get(PARAMETER_TIMEOUT)?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}
