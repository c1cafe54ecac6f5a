//! `RemoteExecutor`: forwards calls to an executor in another process or on another machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{
    Answer, AsyncExecutor, Build, BuildError, Call, ExecutorError, ExecutorType, FailedDocument, Instance,
    async_trait, parse_parameters,
};
use flowrun_wire::{Reply, ReplyFailure};

use crate::backends::Backends;
use crate::endpoint::Endpoint;
use crate::load_balancer::LoadBalancer;
use crate::metadata::Metadata;
use crate::outgoing_call::{AttemptError, OutgoingCall, TimeLimits};
use crate::parameters::{Addresses, RemoteParameters};
use crate::peer::PeerOptions;
use crate::{Address, TrustStore, backoff, health_check};

/// The executor type `RemoteExecutor`, which calls a remote executor.
pub const REMOTE_EXECUTOR: ExecutorType = ExecutorType::new::<RemoteParameters>(
    "RemoteExecutor",
    "Calls a remote executor, head or gateway over gRPC.",
    create,
);

/// Maximum number of addresses.
const ADDRESSES_MAX: usize = 256;

/// Default number of retries; more if there are more addresses.
const RETRIES_DEFAULT: usize = 3;

/// Maximum number of retries.
const RETRIES_MAX: i64 = 1_000;

/// Maximum number of distinct failures listed in an error.
const FAILURES_LISTED_MAX: usize = 4;

/// The executor.
struct Remote {
    backends: Arc<Backends>,
    /// Limit on one attempt; `None` for the request's deadline only.
    timeout_send: Option<Duration>,
    /// Maximum number of attempts of a call, at least one.
    tries: usize,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: RemoteParameters = parse_parameters(build)?;
    let Addresses(addresses) = parameters.addresses;
    let count = addresses.len();
    if count > ADDRESSES_MAX {
        let reason = format!("has {count} addresses, more than the {ADDRESSES_MAX} allowed");
        return Err(BuildError::parameter("addresses", reason));
    }
    let with_tls = |address: Address| if parameters.tls { address.with_tls() } else { address };
    let addresses: Vec<Address> = addresses.into_iter().map(with_tls).collect();
    let trust = match &parameters.ca {
        Some(path) => {
            let path = build.context.resolve(path);
            Some(TrustStore::file(&path).map_err(|reason| BuildError::parameter("ca", reason))?)
        }
        None if addresses.iter().any(Address::tls) => Some(TrustStore::system().map_err(BuildError::failed)?),
        None => None,
    };
    let metadata =
        Metadata::new(&parameters.metadata).map_err(|reason| BuildError::parameter("metadata", reason))?;
    let retries = usize::try_from(parameters.retries.min(RETRIES_MAX));
    let calls = build.context.concurrency;
    let backends = Arc::new(Backends {
        endpoints: LoadBalancer::new(
            addresses.into_iter().map(|address| Endpoint::new(address, calls)).collect(),
        ),
        options: PeerOptions { trust, metadata, schema: parameters.schema },
        health: build.context.health.clone(),
    });
    backends.update_health();
    health_check::start(&backends)?;
    let executor = Remote {
        backends,
        timeout_send: u64::try_from(parameters.timeout_send).ok().map(Duration::from_millis),
        tries: retries.unwrap_or(RETRIES_DEFAULT.max(count)).saturating_add(1),
    };
    Ok(Instance::new_async(executor).with_backends(count))
}

#[async_trait]
impl AsyncExecutor for Remote {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let mut outgoing = OutgoingCall::new(call)?;
        let limits = TimeLimits { deadline: call.deadline(), timeout_send: self.timeout_send };
        let endpoints = &self.backends.endpoints;
        let mut tried = Vec::new();
        let mut failures: Vec<String> = Vec::new();
        let mut rounds = 0;
        for number in 1..=self.tries {
            call.check()?;
            let index = match endpoints.choose(&tried) {
                Some(index) => index,
                None => {
                    rounds += 1;
                    let delay = backoff::retry_delay(rounds);
                    // A retry after the deadline would be useless.
                    if call.deadline().is_some_and(|deadline| Instant::now() + delay >= deadline) {
                        break;
                    }
                    tokio::time::sleep(delay).await;
                    tried.clear();
                    endpoints.choose(&tried).unwrap_or(0)
                }
            };
            tried.push(index);
            let Some(endpoint) = endpoints.all.get(index) else { break };
            let _in_flight = endpoint.track_call();
            let Ok(_permit) = endpoint.permits.acquire().await else { break };
            match outgoing.send(endpoint, &self.backends.options, limits).await {
                Ok(reply) => {
                    endpoint.record_success();
                    self.backends.update_health();
                    if let Some(reply) = reply {
                        call.merge_answer(answer(reply, &endpoint.address, call));
                    }
                    return Ok(());
                }
                Err(AttemptError::Failed(error)) => return Err(error),
                Err(AttemptError::Unreachable(reason)) => {
                    endpoint.eject(&reason);
                    self.backends.update_health();
                    flowrun_sdk::tracing::debug!(address = %endpoint.address, number, reason, "attempt failed");
                    let failure = format!("{}: {reason}", endpoint.address);
                    if !failures.contains(&failure) && failures.len() < FAILURES_LISTED_MAX {
                        failures.push(failure);
                    }
                }
            }
        }
        let failures = failures.join("; ");
        Err(ExecutorError::resource(format_args!("no address could be reached: {failures}")))
    }
}

/// Converts a reply into the answer of the call; failed documents get the labels they have in this flow.
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

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Context, ErrorKind};
    use serde_json::json;

    use super::*;
    use crate::backends::no_runtime;

    fn create_with(with: &flowrun_sdk::Value) -> Result<Instance, BuildError> {
        let build = Build { with: with.as_object().unwrap().clone(), context: Context::standalone(".") };
        create(&build)
    }

    #[tokio::test]
    async fn unusable_parameters_are_named() {
        for (with, named) in [
            (json!({"addresses": "a:1", "ca": "missing.pem"}), "missing.pem"),
            (json!({"addresses": "a:1", "metadata": {"te": "x"}}), "`te` is reserved"),
            (json!({"addresses": vec!["a:1"; 257]}), "257 addresses"),
            (json!({}), "addresses"),
        ] {
            let error = create_with(&with).err().unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
        let instance = create_with(&json!({"addresses": ["127.0.0.1:1", "127.0.0.1:2"]})).unwrap();
        assert_eq!(instance.backends, 2);
    }

    #[test]
    fn creation_outside_tokio_is_an_error() {
        assert_eq!(create_with(&json!({"addresses": "a:1"})).err(), Some(no_runtime()));
    }

    #[tokio::test]
    async fn an_unreachable_executor_is_reported_with_every_address_and_cause() {
        let build = Build {
            with: json!({"addresses": ["127.0.0.1:1", "127.0.0.1:2"], "retries": 2})
                .as_object()
                .unwrap()
                .clone(),
            context: Context::standalone("."),
        };
        let health = build.context.health.clone();
        let instance = create(&build).unwrap();
        let flowrun_sdk::BoxedExecutor::Async(executor) = instance.executor else {
            panic!("a remote executor is asynchronous")
        };
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
