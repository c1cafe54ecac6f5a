//! The executor that calls one that runs elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{
    Answer, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, FailedDocument, Health,
    Instance, async_trait, parse_parameters,
};
use flowrun_wire::{Reply, ReplyFailure};

use crate::attempt::{Ended, Patience, Question};
use crate::link::Manner;
use crate::metadata::Metadata;
use crate::parameters::{Addresses, RemoteParameters};
use crate::place::Place;
use crate::places::Places;
use crate::{Address, Trust, backoff, watch};

/// Calls an executor that runs elsewhere.
pub const REMOTE_EXECUTOR: ExecutorType = ExecutorType::new::<RemoteParameters>(
    "RemoteExecutor",
    "Calls an executor, a head or a gateway that is served elsewhere, over gRPC.",
    create,
);

/// Addresses at the most.
const ADDRESSES_MAX: usize = 256;

/// Further tries, where nobody says, for those who have few addresses.
const RETRIES_DEFAULT: usize = 3;

/// Further tries at the most.
const RETRIES_MAX: i64 = 1_000;

/// Failures that an error repeats.
const TOLD_MAX: usize = 4;

struct Remote {
    reach: Arc<Reach>,
    timeout_send: Option<Duration>,
    tries: usize,
}

/// Where an executor is, how it is spoken with, and whom to tell when it cannot be reached.
pub(crate) struct Reach {
    pub(crate) places: Places,
    pub(crate) manner: Manner,
    health: Health,
}

impl Reach {
    /// Tells whether anybody can be reached.
    pub(crate) fn tell(&self) {
        match self.places.trouble() {
            Some(trouble) => self.health.set_unhealthy(trouble),
            None => self.health.set_healthy(),
        }
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: RemoteParameters = parse_parameters(build)?;
    let Addresses(addresses) = parameters.addresses;
    let count = addresses.len();
    if count > ADDRESSES_MAX {
        let reason = format!("has {count} addresses, more than the {ADDRESSES_MAX} allowed");
        return Err(BuildError::parameter("addresses", reason));
    }
    let beneath = |address: Address| if parameters.tls { address.beneath_tls() } else { address };
    let addresses: Vec<Address> = addresses.into_iter().map(beneath).collect();
    let trust = match &parameters.ca {
        Some(path) => {
            let path = build.context.resolve(path);
            Some(Trust::file(&path).map_err(|reason| BuildError::parameter("ca", reason))?)
        }
        None if addresses.iter().any(Address::tls) => Some(Trust::system().map_err(BuildError::failed)?),
        None => None,
    };
    let metadata =
        Metadata::new(&parameters.metadata).map_err(|reason| BuildError::parameter("metadata", reason))?;
    let retries = usize::try_from(parameters.retries.min(RETRIES_MAX));
    let calls = build.context.concurrency;
    let reach = Arc::new(Reach {
        places: Places::new(addresses.into_iter().map(|address| Place::new(address, calls)).collect()),
        manner: Manner { trust, metadata, spoken: parameters.schema },
        health: build.context.health.clone(),
    });
    reach.tell();
    watch::begin(&reach)?;
    let executor = Remote {
        reach,
        timeout_send: u64::try_from(parameters.timeout_send).ok().map(Duration::from_millis),
        tries: retries.unwrap_or(RETRIES_DEFAULT.max(count)).saturating_add(1),
    };
    Ok(Instance::new_async(executor).with_backends(count))
}

#[async_trait]
impl AsyncExecutor for Remote {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let mut question = Question::of(call)?;
        let patience = Patience { deadline: call.deadline(), timeout_send: self.timeout_send };
        let places = &self.reach.places;
        let mut tried = Vec::new();
        let mut failures: Vec<String> = Vec::new();
        let mut rounds = 0;
        for number in 1..=self.tries {
            call.check()?;
            let at = match places.choose(&tried) {
                Some(at) => at,
                None => {
                    rounds += 1;
                    let wait = backoff::wait(rounds);
                    // Nobody would wait for what comes after the deadline.
                    if call.deadline().is_some_and(|deadline| Instant::now() + wait >= deadline) {
                        break;
                    }
                    tokio::time::sleep(wait).await;
                    tried.clear();
                    places.choose(&tried).unwrap_or(0)
                }
            };
            tried.push(at);
            let Some(place) = places.all.get(at) else { break };
            let _under_way = place.enter();
            let Ok(_room) = place.room.acquire().await else { break };
            match question.ask(place, &self.reach.manner, patience).await {
                Ok(reply) => {
                    place.answered();
                    self.reach.tell();
                    if let Some(reply) = reply {
                        call.merge_answer(answer(reply, &place.address, call));
                    }
                    return Ok(());
                }
                Err(Ended::Failed(error)) => return Err(error),
                Err(Ended::Nobody(reason)) => {
                    place.set_aside(&reason);
                    self.reach.tell();
                    flowrun_sdk::tracing::debug!(address = %place.address, number, reason, "nobody answered");
                    let told = format!("{}: {reason}", place.address);
                    if !failures.contains(&told) && failures.len() < TOLD_MAX {
                        failures.push(told);
                    }
                }
            }
        }
        let failures = failures.join("; ");
        Err(ExecutorError::resource(format_args!("nobody answered at {failures}")))
    }
}

/// What a reply leaves behind here.
fn answer(reply: Reply, address: &Address, call: &Call<'_>) -> Answer {
    let sent = call.documents();
    let failure = |ReplyFailure { document, executor, error }: ReplyFailure| {
        let label = sent.iter().find(|sent| sent.id == document).map(|sent| sent.label().to_owned());
        let message = format!("{} (in `{executor}` at {address})", error.message());
        FailedDocument {
            label: label.unwrap_or_else(|| document.clone()),
            id: document,
            error: ExecutorError::new(error.kind(), message),
        }
    };
    let failures = reply.failures.into_iter().map(failure).collect();
    Answer { documents: reply.documents, failures, remote_results: reply.results, ..Answer::default() }
}

/// That an executor elsewhere cannot be watched over.
pub(crate) fn no_runtime() -> BuildError {
    BuildError::failed("an executor that runs elsewhere can be called within tokio alone")
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Context, ErrorKind};
    use serde_json::json;

    use super::*;

    fn made(with: &flowrun_sdk::Value) -> Result<Instance, BuildError> {
        let build = Build { with: with.as_object().unwrap().clone(), context: Context::standalone(".") };
        create(&build)
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_named() {
        for (with, named) in [
            (json!({"addresses": "a:1", "ca": "missing.pem"}), "missing.pem"),
            (json!({"addresses": "a:1", "metadata": {"te": "x"}}), "`te` is a name"),
            (json!({"addresses": vec!["a:1"; 257]}), "257 addresses"),
            (json!({}), "addresses"),
        ] {
            let error = made(&with).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
        let instance = made(&json!({"addresses": ["127.0.0.1:1", "127.0.0.1:2"]})).unwrap();
        assert_eq!(instance.backends, 2);
    }

    #[test]
    fn there_is_no_calling_without_tokio() {
        assert_eq!(made(&json!({"addresses": "a:1"})).err(), Some(no_runtime()));
    }

    #[tokio::test]
    async fn nobody_anywhere_is_said_with_every_address_and_cause() {
        let build = Build {
            with: json!({"addresses": ["127.0.0.1:1", "127.0.0.1:2"], "retries": 2})
                .as_object()
                .unwrap()
                .clone(),
            context: Context::standalone("."),
        };
        let health = build.context.health.clone();
        let instance = create(&build).unwrap();
        let flowrun_sdk::BoxedExecutor::Async(executor) = instance.executor else { panic!("it waits") };
        let parameters = flowrun_sdk::RequestParameters::new();
        let mut call = Call::new("/x", flowrun_sdk::Documents::new(), &parameters);
        let error = executor.execute(&mut call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Resource);
        for address in ["127.0.0.1:1: ", "127.0.0.1:2: "] {
            assert!(error.message().contains(address), "{error}");
            assert!(health.unhealthy_reason().unwrap().contains(address));
        }
    }
}
