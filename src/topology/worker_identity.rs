//! The identity of a worker, which a gateway states with every call so that no other process answers it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Topology, Worker};

/// The worker that a process is, or that a gateway calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerIdentity {
    /// Version of flowrun.
    version: String,
    /// Fingerprint of the flow.
    flow: String,
    /// Name of the pod, in ASCII.
    pod: String,
    /// Shard and replica.
    worker: Worker,
}

impl WorkerIdentity {
    /// The identity of a worker of `pod` in the flow that is planned as `topology`, which is not placed.
    pub fn new(topology: &Topology, pod: &str, worker: Worker) -> Self {
        Self::in_flow(topology.fingerprint(), pod, worker)
    }

    /// The identity of a worker of `pod` in the flow with the fingerprint `flow`.
    pub(super) fn in_flow(flow: String, pod: &str, worker: Worker) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { version, flow, pod: pod.escape_default().to_string(), worker }
    }

    /// The text form without the number of the replica: version, flow, pod and shard, separated by spaces.
    pub fn without_replica(&self) -> String {
        let Self { version, flow, pod, worker } = self;
        format!("{version} {flow} {pod} {}", worker.shard)
    }

    /// The reason why this worker rejects a call for the worker `stated`, in the text form with the replica at its end;
    /// `None` if it is this worker.
    pub fn mismatch(&self, stated: &str) -> Option<String> {
        let Some(other) = Self::parse(stated) else {
            return Some("the caller is no gateway of this version of flowrun".to_owned());
        };
        if *self == other {
            return None;
        }
        let (own, called) = (&self.version, &other.version);
        if own != called {
            return Some(format!(
                "the worker runs flowrun {own}, and the gateway {called}: install the same version on both"
            ));
        }
        if self.flow != other.flow {
            return Some(
                "the worker runs another flow than the gateway: start both with the same flow file, the same values of its \
                 variables and the same `--stand-in`"
                    .to_owned(),
            );
        }
        Some(format!(
            "this is the worker for {self}, not for {other}: correct the addresses in the placement"
        ))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        let (version, flow, pod) = (word()?.to_owned(), word()?.to_owned(), word()?.to_owned());
        let worker = Worker { shard: word()?.parse().ok()?, replica: word()?.parse().ok()? };
        words.next().is_none().then_some(Self { version, flow, pod, worker })
    }
}

impl fmt::Display for WorkerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` shard {} replica {}", self.pod, self.worker.shard, self.worker.replica)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_for_another_worker_is_rejected_with_the_difference() {
        let identity = WorkerIdentity {
            version: "0.1.0".to_owned(),
            flow: "ab".to_owned(),
            pod: "enc".to_owned(),
            worker: Worker { shard: 1, replica: 2 },
        };
        let own = format!("{} 2", identity.without_replica());
        assert_eq!((own.as_str(), identity.mismatch(&own)), ("0.1.0 ab enc 1 2", None));
        for (stated, named) in [
            ("", "no gateway"),
            ("0.1.0 ab enc 1", "no gateway"),
            ("0.1.0 ab enc 1 x", "no gateway"),
            ("0.1.0 ab enc 1 2 3", "no gateway"),
            ("0.2.0 cd enc 1 2", "flowrun 0.1.0, and the gateway 0.2.0"),
            ("0.1.0 cd enc 1 2", "another flow"),
            ("0.1.0 ab enc 1 0", "for `enc` shard 1 replica 2, not for `enc` shard 1 replica 0"),
            ("0.1.0 ab index 1 2", "not for `index` shard 1 replica 2"),
        ] {
            let reason = identity.mismatch(stated).unwrap();
            assert!(reason.contains(named), "{stated}: {reason}");
        }
    }
}
