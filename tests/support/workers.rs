//! Flows whose pods run on workers: servers in this process, each at a port of its own.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun::gateway::{Gateway, Server, Tokens, serve};
use flowrun::runtime::{DrainReport, Flow};
use flowrun::topology::{Machine, Placement, Topology, Worker, WorkerIdentity};

/// A worker, which is a flow of one pod with a gateway.
pub(crate) struct ServedWorker {
    pub(crate) flow: Arc<Flow>,
    server: Server,
}

impl ServedWorker {
    /// Serves a worker of `pod`, which may be a chain.
    pub(crate) async fn start(topology: &Topology, pod: &str, worker: Worker) -> Self {
        let identity = WorkerIdentity::new(topology, pod, worker);
        let part = topology.of_worker(pod, worker, &Placement::default(), Machine::local()).unwrap();
        let flow = Arc::new(super::start(&part).await);
        let gateway = Gateway::new(Arc::clone(&flow), &part, Tokens::default()).with_identity(identity);
        let server = serve(gateway, &["127.0.0.1:0".parse().unwrap()], None).await.unwrap();
        Self { flow, server }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    pub(crate) async fn drain(self) -> DrainReport {
        self.server.drain(Duration::from_secs(10)).await
    }
}

/// A flow with its workers, if it has some. The workers end with it.
pub(crate) struct Distributed {
    flow: Flow,
    pub(crate) workers: Vec<ServedWorker>,
}

impl Deref for Distributed {
    type Target = Flow;

    fn deref(&self) -> &Flow {
        &self.flow
    }
}

impl Distributed {
    /// Starts a flow, with all of its pods on workers or none. All workers are connected.
    pub(crate) async fn start(topology: &Topology, on_workers: bool) -> Self {
        if !on_workers {
            return Self { flow: super::start(topology).await, workers: Vec::new() };
        }
        let names = topology.pods.iter().map(|pod| pod.name.as_str()).filter(|name| !name.contains('/'));
        Self::start_on(topology, &names.collect::<Vec<_>>()).await
    }

    /// Starts a flow with these pods, or chains of pods (`a+b`), on workers.
    pub(crate) async fn start_on(topology: &Topology, names: &[&str]) -> Self {
        let (mut placement, mut workers) = (Placement::default(), Vec::new());
        for name in names {
            let first = name.split('+').next().unwrap();
            let pod = topology.pod(first).unwrap();
            let mut shards = vec![Vec::new(); pod.shards];
            for worker in pod.workers() {
                let served = ServedWorker::start(topology, name, worker).await;
                shards[worker.shard].push(served.address().to_string());
                workers.push(served);
            }
            placement.pods.insert((*name).to_owned(), shards);
        }
        let flow = start_gateway(topology, &placement).await;
        wait_until_connected(&flow).await;
        Self { flow, workers }
    }
}

impl Distributed {
    /// Ends the workers of a flow that is drained, and checks that every request to them has an outcome.
    pub(crate) async fn end(self) {
        let Self { flow, workers } = self;
        drop(flow);
        for worker in workers {
            let flow = Arc::clone(&worker.flow);
            let drained = worker.drain().await;
            assert!(drained.completed(), "{drained:?}");
            assert_eq!(flow.request_counts().unanswered(), 0);
        }
    }
}

/// Waits until all workers are connected, for at most 20 s. Unlike [`wait_until`](super::client::wait_until), the future is
/// `Send`.
async fn wait_until_connected(flow: &Flow) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !flow.degraded_pods().is_empty() {
        assert!(Instant::now() < limit, "{:?}", flow.degraded_pods());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Starts the part of a flow that a gateway runs.
pub(crate) async fn start_gateway(topology: &Topology, placement: &Placement) -> Flow {
    super::start(&topology.placed(placement, Machine::local())).await
}
