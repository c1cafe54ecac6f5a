//! The service under more load than it can bear, and told to end in the middle of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowrun::client::{Client, ClientError, Conversation};
use flowrun::limits::QUEUE_MAX;
use flowrun::runtime::{Request, Response};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::serving::Serving;
use crate::support::client::served;
use crate::support::program::directory;
use crate::support::{documents, gate, ids};

/// How many times the service is told to end; `make storm` says more.
const ENDINGS: u64 = 40;

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
async fn of_five_times_what_fits_the_rest_is_refused_while_nothing_moves_and_what_fits_is_answered() {
    let served = served("with: {prefetch: 2}", "- {name: gate, uses: Gate}").await;
    let closed = gate::close();
    let capacity = 2 + QUEUE_MAX;
    let clients = connections(served.address(), 10).await;
    let mut asked = JoinSet::new();
    for (number, client) in (0..5 * capacity).zip(clients.into_iter().cycle()) {
        asked.spawn(async move {
            let id = number.to_string();
            let result = client.ask(&request(&id)).await;
            (id, result)
        });
    }
    // The gate is closed: whoever is refused is refused although nobody leaves.
    for _ in capacity..5 * capacity {
        let (_, result) = asked.join_next().await.unwrap().unwrap();
        assert_eq!(result.unwrap_err().kind(), "RESOURCE_EXHAUSTED");
    }
    drop(closed);
    while let Some(answered) = asked.join_next().await {
        let (id, result) = answered.unwrap();
        assert_eq!(ids(&result.unwrap().documents), [id]);
    }
}

/// What the requests of one run came to.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    refused: usize,
    /// How those ended that got neither.
    lost: Vec<String>,
}

impl Tally {
    /// Counts one; whether the service still takes requests.
    fn count(&mut self, id: &str, result: &Result<Response, ClientError>) -> bool {
        match result {
            Ok(response) if ids(&response.documents) == [id] => self.answered += 1,
            Err(ClientError::Refused { code: tonic::Code::Unavailable, .. }) => self.refused += 1,
            other => self.lost.push(format!("{other:?}")),
        }
        result.is_ok()
    }
}

/// A stream that the service has taken: what is sent on it is answered, or refused with a status.
async fn taken(client: &Client) -> Arc<Conversation> {
    let conversation = client.converse();
    conversation.ask(&request("first")).await.unwrap();
    Arc::new(conversation)
}

/// Asks over one stream, so many requests at a time, until the stream ends.
async fn ask_until_the_end(conversation: Arc<Conversation>, under_way: usize) -> Tally {
    let mut workers = JoinSet::new();
    for worker in 0..under_way {
        let conversation = Arc::clone(&conversation);
        workers.spawn(async move {
            let mut tally = Tally::default();
            for number in 0.. {
                let id = format!("{worker}-{number}");
                let result = conversation.ask(&request(&id)).await;
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
        let Tally { answered, refused, lost } = tally.unwrap();
        sum.answered += answered;
        sum.refused += refused;
        sum.lost.extend(lost);
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_told_to_end_nothing_that_was_accepted_is_lost() {
    let endings = std::env::var("FLOWRUN_ENDINGS").map_or(ENDINGS, |text| text.parse().unwrap());
    let flow =
        "jtype: Flow\nwith: {prefetch: 16}\nexecutors: [{name: a, uses: Pass}, {name: b, uses: Pass}]\n";
    let directory = directory(flow);
    let mut total = 0;
    for ending in 0..endings {
        let mut serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
        let address = serving.addresses[0].parse().unwrap();
        let mut workers = JoinSet::new();
        for client in connections(address, 4).await {
            workers.spawn(ask_until_the_end(taken(&client).await, 8));
        }
        // The instant is random, but the same in every run of the tests.
        let instant = ChaCha8Rng::seed_from_u64(ending).next_u64() % 30_000;
        tokio::time::sleep(Duration::from_micros(instant)).await;
        serving.send_sigterm();
        let tally = sum(workers).await;
        assert!(tally.lost.is_empty(), "ending {ending}, after {instant} µs: {tally:?}");
        assert_eq!(tally.refused, 32, "every worker is told of the end: {tally:?}");
        assert_eq!(serving.wait(), Some(143));
        total += tally.answered;
    }
    assert!(total > 0, "nothing was under way");
}
