//! The service under overload, and shut down in the middle of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowrun::client::{Client, ClientError, RequestStream};
use flowrun::limits::QUEUE_MAX;
use flowrun::runtime::{Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::serving::Serving;
use crate::support::client::serve_flow;
use crate::support::program::directory;
use crate::support::{documents, gate, ids};

/// Default number of shutdowns; `make storm` sets FLOWRUN_ENDINGS to a larger one.
const SHUTDOWNS: u64 = 40;

fn request(id: &str) -> Request {
    Request { endpoint: "/index".to_owned(), documents: documents([id]), ..Request::default() }
}

async fn connections(address: SocketAddr, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(Client::connect(&address.to_string(), None, None).await.unwrap());
    }
    clients
}

#[tokio::test]
async fn requests_above_capacity_are_rejected_immediately_and_the_others_are_answered() {
    let served = serve_flow("with: {prefetch: 2}", "- {name: gate, uses: Gate}").await;
    let closed = gate::close();
    let capacity = 2 + QUEUE_MAX;
    let clients = connections(served.address(), 10).await;
    let mut requests = JoinSet::new();
    for (number, client) in (0..5 * capacity).zip(clients.into_iter().cycle()) {
        requests.spawn(async move {
            let id = number.to_string();
            let result = client.send(&request(&id)).await;
            (id, result)
        });
    }
    // The gate is closed: rejections do not wait until a request finishes.
    for _ in capacity..5 * capacity {
        let (_, result) = requests.join_next().await.unwrap().unwrap();
        assert_eq!(result.unwrap_err().kind(), "RESOURCE_EXHAUSTED");
    }
    drop(closed);
    while let Some(answered) = requests.join_next().await {
        let (id, result) = answered.unwrap();
        assert_eq!(ids(&result.unwrap().documents), [id]);
    }
}

/// Outcomes of requests.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    rejected: usize,
    /// Outcomes of requests that were neither answered nor rejected.
    lost: Vec<String>,
}

impl Tally {
    /// Counts an outcome. Returns whether the service still accepts requests.
    fn count(&mut self, id: &str, result: &Result<Response, ClientError>) -> bool {
        match result {
            Ok(response) if ids(&response.documents) == [id] => self.answered += 1,
            Err(ClientError::Rejected { code: tonic::Code::Unavailable, .. }) => self.rejected += 1,
            other => self.lost.push(format!("{other:?}")),
        }
        result.is_ok()
    }
}

/// Opens a stream and waits until the service has accepted it: from then on every request on it is answered or rejected
/// with a status.
async fn accepted_stream(client: Client) -> Arc<RequestStream> {
    let stream = RequestStream::open(client);
    stream.send(&request("first")).await.unwrap();
    Arc::new(stream)
}

/// Sends requests over one stream, `concurrency` at a time, until the stream ends.
async fn send_until_the_end(stream: Arc<RequestStream>, concurrency: usize) -> Tally {
    let mut workers = JoinSet::new();
    for worker in 0..concurrency {
        let stream = Arc::clone(&stream);
        workers.spawn(async move {
            let mut tally = Tally::default();
            for number in 0.. {
                let id = format!("{worker}-{number}");
                let result = stream.send(&request(&id)).await;
                if !tally.count(&id, &result) {
                    break;
                }
            }
            tally
        });
    }
    sum(workers).await
}

async fn sum(mut workers: JoinSet<Tally>) -> Tally {
    let mut sum = Tally::default();
    while let Some(tally) = workers.join_next().await {
        let Tally { answered, rejected, lost } = tally.unwrap();
        sum.answered += answered;
        sum.rejected += rejected;
        sum.lost.extend(lost);
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_request_is_lost_by_a_shutdown_at_any_time() {
    let shutdowns = std::env::var("FLOWRUN_ENDINGS").map_or(SHUTDOWNS, |text| text.parse().unwrap());
    let flow =
        "jtype: Flow\nwith: {prefetch: 16}\nexecutors: [{name: a, uses: Pass}, {name: b, uses: Pass}]\n";
    let directory = directory(flow);
    let mut total = 0;
    for shutdown in 0..shutdowns {
        let mut serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
        let address = serving.addresses[0].parse().unwrap();
        let mut workers = JoinSet::new();
        for client in connections(address, 4).await {
            workers.spawn(send_until_the_end(accepted_stream(client).await, 8));
        }
        // Random times, the same in every run.
        let delay = ChaCha8Rng::seed_from_u64(shutdown).next_u64() % 30_000;
        tokio::time::sleep(Duration::from_micros(delay)).await;
        serving.send_sigterm();
        let tally = sum(workers).await;
        assert!(tally.lost.is_empty(), "shutdown {shutdown}, after {delay} µs: {tally:?}");
        assert_eq!(tally.rejected, 32, "every worker is notified of the shutdown: {tally:?}");
        assert_eq!(serving.wait(), Some(143));
        total += tally.answered;
    }
    assert!(total > 0, "no request was answered");
}
