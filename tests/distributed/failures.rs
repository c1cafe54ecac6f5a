//! Workers that are gone, that are not those of the placement, or whose connection breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun::gateway::{Gateway, Tokens, serve};
use flowrun::topology::{Placement, Topology, Worker};
use flowrun::yaml::Environment;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::support::client::{http_over, serve_flow, wait_until, wait_until_async};
use crate::support::workers::{ServedWorker, start_gateway};
use crate::support::{error, gate, ids, plan, reply, send};

const FIRST: Worker = Worker { shard: 0, replica: 0 };

fn planned(executors: &str) -> Topology {
    let directory = tempfile::tempdir().unwrap();
    plan(&format!("jtype: Flow\nexecutors:\n{executors}"), directory.path(), &Environment::default())
}

/// A placement of the pod `a`.
fn placement(shards: &[&[String]]) -> Placement {
    let shards = shards.iter().map(|replicas| replicas.to_vec()).collect();
    Placement { pods: [("a".to_owned(), shards)].into_iter().collect(), ..Placement::default() }
}

fn address(worker: &ServedWorker) -> String {
    worker.address().to_string()
}

/// Forwards connections to a worker, and breaks them on request.
struct Proxy {
    address: String,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepted: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connections, accepted) =
            (Arc::<Mutex<Vec<AbortHandle>>>::default(), Arc::<AtomicUsize>::default());
        let (tasks, count) = (Arc::clone(&connections), Arc::clone(&accepted));
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let mut server = TcpStream::connect(&target).await.unwrap();
                let task = tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
                tasks.lock().push(task.abort_handle());
            }
        });
        Self { address, connections, accepted }
    }

    /// Breaks the open connections. New ones are accepted.
    fn cut(&self) {
        self.connections.lock().drain(..).for_each(|task| task.abort());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_was_cut_off_is_repeated_and_a_write_is_not() {
    for (executor, endpoint, is_repeated) in
        [("Gate", "/index", true), ("GateStore", "/search", true), ("GateStore", "/index", false)]
    {
        let topology = planned(&format!("- {{name: a, uses: {executor}}}\n"));
        let worker = ServedWorker::start(&topology, "a", FIRST).await;
        let proxy = Proxy::start(address(&worker)).await;
        let flow =
            Arc::new(start_gateway(&topology, &placement(&[std::slice::from_ref(&proxy.address)])).await);
        wait_until(|| flow.unhealthy_pods().is_empty()).await;
        let closed = gate::close();
        let sending = Arc::clone(&flow);
        let sent = tokio::spawn(async move { send(&sending, endpoint, &["x"]).await });
        let counts = || worker.flow.request_counts();
        wait_until(|| counts().accepted == 1).await;
        proxy.cut();
        if is_repeated {
            wait_until(|| counts().accepted == 2).await;
            drop(closed);
            assert_eq!(ids(&reply(sent.await.unwrap()).documents), ["x"], "{executor} {endpoint}");
        } else {
            let failed = error(sent.await.unwrap()).to_string();
            assert!(failed.contains("the change may or may not have been made"), "{failed}");
            drop(closed);
            assert_eq!(counts().accepted, 1);
        }
        assert!(proxy.accepted.load(Ordering::Relaxed) >= 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_replica_costs_no_request() {
    let topology = planned("- {name: a, uses: Crowd, uses_with: {base: 1000}, replicas: 2}\n");
    let first = ServedWorker::start(&topology, "a", FIRST).await;
    let second = ServedWorker::start(&topology, "a", Worker { shard: 0, replica: 1 }).await;
    let flow = Arc::new(start_gateway(&topology, &placement(&[&[address(&first), address(&second)]])).await);
    wait_until(|| flow.degraded_pods().is_empty()).await;
    let sending = Arc::clone(&flow);
    let load = tokio::spawn(async move {
        for _ in 0..100 {
            let requests = (0..8).map(|_| send(&sending, "/index", &["x"]));
            futures_util::future::join_all(requests)
                .await
                .into_iter()
                .for_each(|outcome| drop(reply(outcome)));
        }
    });
    wait_until(|| first.flow.request_counts().replied > 20).await;
    assert!(first.drain().await.completed());
    load.await.unwrap();
    assert_eq!(flow.request_counts().replied, 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_the_missing_shard_and_replica() {
    let topology = planned("- {name: a, uses: Probe, uses_with: {name: ready}, shards: 2, replicas: 2}\n");
    let worker = async |shard, replica| ServedWorker::start(&topology, "a", Worker { shard, replica }).await;
    let workers = [worker(0, 0).await, worker(0, 1).await, worker(1, 0).await, worker(1, 1).await];
    let [a, b, c, d] = workers.each_ref().map(address);
    let placed = placement(&[&[a, b], &[c.clone(), d.clone()]]);
    let flow = Arc::new(start_gateway(&topology, &placed).await);
    let gateway = Gateway::new(Arc::clone(&flow), &topology, Tokens::default());
    let server = serve(gateway, &["127.0.0.1:0".parse().unwrap()], None).await.unwrap();
    let ready = async || {
        let stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
        let (code, _, body) = http_over(stream, "GET", "/ready", "", "").await;
        (code, serde_json::from_str::<Value>(&body).unwrap())
    };
    wait_until(|| flow.degraded_pods().is_empty()).await;
    assert_eq!(ready().await, (200, serde_json::json!({"ready": true})));
    let reachable = || {
        let metrics = flow.executor_metrics().into_iter();
        let reachable = metrics.filter(|metric| metric.reading.name == "remote_addresses_reachable");
        reachable.map(|metric| (metric.shard, metric.reading.value)).collect::<Vec<_>>()
    };
    assert_eq!(reachable(), [(0, 2.0), (1, 2.0)]);
    let [_, _, third, fourth] = workers;
    // Calls notice a lost connection at once, the check of idle connections within seconds.
    let search = async || drop(send(&flow, "/search", &["x"]).await);
    assert!(fourth.drain().await.completed());
    wait_until_async(async || {
        search().await;
        !flow.degraded_pods().is_empty()
    })
    .await;
    let (code, body) = ready().await;
    let missing = body["missing"]["a"].as_str().unwrap();
    assert_eq!(reachable(), [(0, 2.0), (1, 1.0)]);
    assert!(missing.starts_with(&format!("shard 1: cannot reach replica 1 at {d}: ")), "{missing}");
    assert_eq!(code, 200);
    assert!(third.drain().await.completed());
    search().await;
    let (code, body) = ready().await;
    let reason = body["reasons"]["a"].as_str().unwrap();
    assert!(reason.starts_with(&format!("shard 1: cannot reach replica 0 at {c}: ")), "{reason}");
    assert!(reason.contains("; replica 1 at ") && !reason.contains("shard 0"), "{reason}");
    assert_eq!(code, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_rejects_callers_that_mean_another_one() {
    let topology = planned("- {name: a, uses: Probe, uses_with: {name: id}, shards: 2}\n");
    let other = planned("- {name: a, uses: Probe, uses_with: {name: other}, shards: 2}\n");
    let worker =
        async |topology, shard| ServedWorker::start(topology, "a", Worker { shard, replica: 0 }).await;
    let (first, second) = (worker(&topology, 0).await, worker(&topology, 1).await);
    for (planned, shards, reason) in [
        (&other, [&first, &second], "another flow than the gateway"),
        (&topology, [&second, &first], "not for `a` shard 0 replica 0: correct the addresses"),
    ] {
        let placed = placement(&shards.map(|worker| [address(worker)]).each_ref().map(|shard| &shard[..]));
        let flow = start_gateway(planned, &placed).await;
        let failed = error(send(&flow, "/search", &["x"]).await).to_string();
        assert!(failed.contains(reason), "{failed}");
        let unhealthy = flow.unhealthy_pods();
        assert!(unhealthy[0].1.contains(reason), "{unhealthy:?}");
    }
    // A caller that is no gateway of the flow.
    let flow = crate::support::flow(&format!("- {{name: far, uses: 'grpc://{}'}}", address(&first))).await;
    let failed = error(send(&flow, "/search", &["x"]).await).to_string();
    assert!(failed.contains("send requests to its gateway"), "{failed}");
    let stream = TcpStream::connect(first.address()).await.unwrap();
    let body = "{\"data\": [{\"text\": \"x\"}]}";
    let (code, _, answer) = http_over(stream, "POST", "/search", "", body).await;
    assert!(code == 412 && answer.contains("its gateway"), "{code} {answer}");
    let socket = TcpStream::connect(first.address()).await.unwrap();
    assert_eq!(http_over(socket, "GET", "/", "upgrade: websocket\r\n", "").await.0, 412);
    let probe = TcpStream::connect(first.address()).await.unwrap();
    assert_eq!(http_over(probe, "GET", "/ready", "", "").await.0, 200);
    assert_eq!(first.flow.request_counts().accepted + second.flow.request_counts().accepted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_service_is_no_worker() {
    let topology = planned("- {name: a, uses: Pass}\n");
    let served = serve_flow("", "- {name: a, uses: Pass}").await;
    let flow = start_gateway(&topology, &placement(&[&[served.address().to_string()]])).await;
    let failed = error(send(&flow, "/index", &["x"]).await).to_string();
    assert!(failed.contains("is not a worker of flowrun"), "{failed}");
    assert_eq!(served.flow.request_counts().accepted, 0);
}
