//! One call at one place.

use std::time::{Duration, Instant};

use flowrun_sdk::{Call, Documents, ErrorKind, ExecutorError, RequestParameters};
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::{Reply, Schema};
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};

use crate::link::{Link, Manner};
use crate::place::Place;
use crate::{Address, NoReply};

/// How an attempt ended that did not succeed.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Nobody answered, for this reason: another place, or another time, may do.
    Nobody(String),
    /// The call has failed.
    Failed(ExecutorError),
}

/// What a call says, whoever it is said to.
pub(crate) struct Question<'a> {
    id: &'a str,
    endpoint: &'a str,
    head: MetadataValue<Ascii>,
    parameters: &'a RequestParameters,
    documents: Documents,
    /// The message, once it is known in which schema it goes.
    message: Option<(Schema, DataRequestProto)>,
}

/// How long an attempt may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// When the request has to be answered.
    pub(crate) deadline: Option<Instant>,
    /// How long one call may take.
    pub(crate) timeout_send: Option<Duration>,
}

impl Patience {
    /// When an attempt that begins now is over.
    fn end(self) -> Option<Instant> {
        let own = self.timeout_send.and_then(|timeout| Instant::now().checked_add(timeout));
        [self.deadline, own].into_iter().flatten().min()
    }

    /// The error of an attempt that took too long.
    fn expired(self, address: &Address) -> ExecutorError {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let message = match self.timeout_send {
            Some(timeout) if !over => {
                format!("{address} did not answer within {} ms (`timeout_send`)", timeout.as_millis())
            }
            _ => format!("{address} did not answer before the deadline"),
        };
        ExecutorError::new(ErrorKind::Expired, message)
    }
}

impl<'a> Question<'a> {
    /// What `call` says.
    ///
    /// # Errors
    /// When its endpoint cannot be written into a head.
    pub(crate) fn of(call: &Call<'a>) -> Result<Self, ExecutorError> {
        let endpoint = call.endpoint();
        let head = endpoint
            .parse()
            .map_err(|_| ExecutorError::input("the endpoint has characters in it that cannot be sent"))?;
        Ok(Self {
            id: call.request_id(),
            endpoint,
            head,
            parameters: call.parameters(),
            documents: call.documents().clone(),
            message: None,
        })
    }

    /// The message in that schema; made once.
    fn message(&mut self, schema: Schema) -> DataRequestProto {
        if let Some((made, message)) = &self.message
            && *made == schema
        {
            return message.clone();
        }
        let id = self.id.to_owned();
        let message =
            flowrun_wire::request_message(id, self.endpoint, self.parameters, &self.documents, schema);
        self.message = Some((schema, message.clone()));
        message
    }

    /// Asks at a place; what the reply says, or none when the other side has nothing to do with the endpoint.
    pub(crate) async fn ask(
        &mut self,
        place: &Place,
        manner: &Manner,
        patience: Patience,
    ) -> Result<Option<Reply>, Ended> {
        let end = patience.end();
        let asking = async {
            let link = place.connect(manner).await.map_err(|gone| Ended::Nobody(gone.reason))?;
            self.ask_on(&link, place, manner, end).await
        };
        match end {
            None => asking.await,
            Some(end) => match tokio::time::timeout_at(end.into(), asking).await {
                Ok(ended) => ended,
                Err(_) => Err(Ended::Failed(patience.expired(&place.address))),
            },
        }
    }

    async fn ask_on(
        &mut self,
        link: &Link,
        place: &Place,
        manner: &Manner,
        end: Option<Instant>,
    ) -> Result<Option<Reply>, Ended> {
        if !link.handles(self.endpoint) {
            return Ok(None);
        }
        let message = self.message(link.schema);
        let request = || {
            let mut request = tonic::Request::new(message.clone());
            manner.metadata.add_to(request.metadata_mut());
            request.metadata_mut().insert("endpoint", self.head.clone());
            if let Some(end) = end {
                request.set_timeout(end.saturating_duration_since(Instant::now()));
            }
            request
        };
        let reply = link.ask(request).await.map_err(|no_reply| ended(no_reply, &place.address))?;
        flowrun_wire::decode_reply(reply).map(Some).map_err(|failed| {
            let executor = match failed.executor.as_str() {
                "" => String::new(),
                name => format!("`{name}` at "),
            };
            let message = format!("{executor}{}: {}", place.address, failed.error.message());
            Ended::Failed(failed.error.with_message(message))
        })
    }
}

/// What it means that there is no reply.
fn ended(no_reply: NoReply, address: &Address) -> Ended {
    match no_reply {
        NoReply::Broken(reason) => Ended::Nobody(format!("the connection broke: {reason}")),
        // A server of Python's cancels what is under way when it ends.
        NoReply::Told(Code::Unavailable | Code::Cancelled, message) => Ended::Nobody(message),
        NoReply::Told(code, message) => {
            let kind = match code {
                Code::DeadlineExceeded => ErrorKind::Expired,
                Code::InvalidArgument => ErrorKind::Parameter,
                _ => ErrorKind::Resource,
            };
            Ended::Failed(ExecutorError::new(kind, format_args!("{address} refused: {message} ({code:?})")))
        }
    }
}
