//! `RemoteExecutor`: forwards calls to an executor in another process or on another machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{
    Answer, AsyncExecutor, Build, BuildError, Call, Context, ExecutorError, ExecutorType, FailedDocument,
    Instance, async_trait, guard, parse_parameters,
};
use flowrun_wire::{Reply, ReplyFailure, WORKER};

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

/// Maximum size of a file with a token in bytes.
const TOKEN_BYTES_MAX: u64 = 64 << 10;

/// The name of all endpoints in `writes`.
const ANY_ENDPOINT: &str = "*";

/// The executor.
struct Remote {
    backends: Arc<Backends>,
    /// Limit on one attempt; `None` for the request's deadline only.
    timeout_send: Option<Duration>,
    /// Maximum number of attempts of a call, at least one.
    tries: usize,
    /// Endpoints at which a call is not repeated once it may have been received.
    writes: Vec<String>,
    /// Failed documents name the executor that failed. That of a worker has the name of its pod, which the host adds.
    names_executors: bool,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: RemoteParameters = parse_parameters(build)?;
    let metadata = metadata(&parameters, &build.context)?;
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
    let retries = usize::try_from(parameters.retries.min(RETRIES_MAX));
    let calls = build.context.concurrency;
    let worker = parameters.worker.as_deref();
    let endpoint = |(replica, address): (usize, Address)| match worker {
        None => Ok(Endpoint::new(address, calls, metadata.clone())),
        Some(worker) => {
            let metadata = metadata.clone().with(WORKER, &format!("{worker} {replica}"));
            let metadata = metadata.map_err(|reason| BuildError::parameter("worker", reason))?;
            Ok(Endpoint::new(address, calls, metadata).with_replica(replica))
        }
    };
    let endpoints = addresses.into_iter().enumerate().map(endpoint).collect::<Result<_, BuildError>>()?;
    let context = &build.context;
    let backends = Arc::new(Backends {
        cannot_reach: match worker {
            Some(_) if context.shards > 1 => format!("shard {}: cannot reach", context.shard),
            Some(_) => "cannot reach".to_owned(),
            None => "cannot be reached at".to_owned(),
        },
        endpoints: LoadBalancer::new(endpoints),
        options: PeerOptions { trust, schema: parameters.schema, is_worker: worker.is_some() },
        health: context.health.clone(),
    });
    backends.update_health();
    backends.register_metrics(&context.metrics);
    health_check::start(&backends)?;
    let executor = Remote {
        backends,
        timeout_send: u64::try_from(parameters.timeout_send).ok().map(Duration::from_millis),
        tries: retries.unwrap_or(RETRIES_DEFAULT.max(count)).saturating_add(1),
        writes: parameters.writes,
        names_executors: worker.is_none_or(runs_several_executors),
    };
    Ok(Instance::new_async(executor).with_backends(count))
}

/// The metadata of every call, with the token if there is one.
fn metadata(parameters: &RemoteParameters, context: &Context) -> Result<Metadata, BuildError> {
    let metadata = Metadata::new(&parameters.metadata);
    let metadata = metadata.map_err(|reason| BuildError::parameter("metadata", reason))?;
    let (name, token) = match (&parameters.token_variable, &parameters.token_file) {
        (Some(variable), _) => {
            let value = std::env::var(variable).map_err(|_| format!("the variable `{variable}` is not set"));
            ("token_variable", value)
        }
        (None, Some(path)) => {
            let text = guard::read_text(&context.resolve(path), TOKEN_BYTES_MAX);
            ("token_file", text.map_err(|error| error.to_string()))
        }
        (None, None) => return Ok(metadata),
    };
    let with_token = |token: String| match token.trim() {
        "" => Err("the token is empty".to_owned()),
        token => metadata.with("authorization", &format!("Bearer {token}")),
    };
    token.and_then(with_token).map_err(|reason| BuildError::parameter(name, reason))
}

impl Remote {
    /// `true` if a call that the peer may have processed must not be repeated.
    fn is_write(&self, endpoint: &str) -> bool {
        self.writes.iter().any(|name| name == endpoint || name == ANY_ENDPOINT)
    }
}

#[async_trait]
impl AsyncExecutor for Remote {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let is_worker = self.backends.options.is_worker;
        let mut outgoing = OutgoingCall::new(call, is_worker)?;
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
                        call.merge_answer(answer(reply, &endpoint.address, self.names_executors, call));
                    }
                    return Ok(());
                }
                Err(AttemptError::Failed(error)) => return Err(error),
                Err(AttemptError::Interrupted(reason)) if self.is_write(call.endpoint()) => {
                    endpoint.eject(&reason);
                    self.backends.update_health();
                    return Err(ExecutorError::resource(format_args!(
                        "{}: {reason}; the change may or may not have been made: send the request again",
                        endpoint.label
                    )));
                }
                Err(AttemptError::Unreachable(reason) | AttemptError::Interrupted(reason)) => {
                    endpoint.eject(&reason);
                    self.backends.update_health();
                    flowrun_sdk::tracing::debug!(address = %endpoint.address, number, reason, "attempt failed");
                    let failure = format!("{}: {reason}", endpoint.label);
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

/// True if the worker with this identity runs a chain of pods (`POD+POD`).
fn runs_several_executors(worker: &str) -> bool {
    worker.contains('+')
}

/// Converts a reply into the answer of the call; failed documents get the labels they have in this flow.
fn answer(reply: Reply, address: &Address, names_executors: bool, call: &Call<'_>) -> Answer {
    let sent = call.documents();
    let failure = |ReplyFailure { document, executor, error }: ReplyFailure| {
        let label = sent.iter().find(|sent| sent.id == document).map(|sent| sent.label().to_owned());
        let message = match names_executors {
            true => format!("{} (in `{executor}` at {address})", error.message()),
            false => format!("{} (at {address})", error.message()),
        };
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
    use flowrun_sdk::ErrorKind;
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
            (json!({"addresses": "a:1", "token_variable": "NOT_SET"}), "the variable `NOT_SET` is not set"),
            (json!({"addresses": "a:1", "token_file": "missing.token"}), "missing.token"),
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
