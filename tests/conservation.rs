//! Whatever happens inside, every accepted request ends in exactly one outcome, and nothing stays behind.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::{documents, plan, start};
use flowrun::runtime::{Outcome, Request};
use flowrun::yaml::Environment;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Flows in all; each has its own graph and its own misfortunes.
const FLOWS: u64 = 2_400;

/// A random graph: joins, branches, floating pods, shards, replicas, and executors that misbehave.
fn flow(random: &mut ChaCha8Rng) -> String {
    let prefetch = random.random_range(1..12);
    let when_full = if random.random_bool(0.2) { "refuse" } else { "wait" };
    let mut yaml =
        format!("jtype: Flow\nwith: {{prefetch: {prefetch}, when_full: {when_full}}}\nexecutors:\n");
    let pods = random.random_range(1..8);
    let mut standing: Vec<usize> = Vec::new();
    for pod in 0..pods {
        let floating = pod > 0 && random.random_bool(0.1);
        let mut needs: Vec<String> =
            standing.iter().filter(|_| random.random_bool(0.35)).map(|pod| format!("p{pod}")).collect();
        if needs.is_empty() {
            let last = standing.last().map_or_else(|| "gateway".to_owned(), |pod| format!("p{pod}"));
            needs.push(if random.random_bool(0.15) { "gateway".to_owned() } else { last });
        }
        let with = format!(
            "{{seed: {}, dawdle: {}, document_errors: {}, call_errors: {}, panics: {}, task: {}, in_place: {}}}",
            random.next_u32(),
            [0, 0, 100, 2000][random.random_range(0..4)],
            [0, 0, 50, 300][random.random_range(0..4)],
            [0, 0, 30, 200][random.random_range(0..4)],
            [0, 0, 20, 200][random.random_range(0..4)],
            random.random_bool(0.3),
            random.random_bool(0.2),
        );
        let (replicas, shards) = (random.random_range(1..4), random.random_range(1..4));
        let polling = if random.random_bool(0.5) { "ALL" } else { "ANY" };
        let batching = match random.random_range(0..4) {
            0 => "auto".to_owned(),
            1 => format!(
                "{{'*': {{preferred_batch_size: {}, timeout: {}, flush_all: {}}}}}",
                random.random_range(1..9),
                random.random_range(0..3),
                random.random_bool(0.5)
            ),
            _ => "{}".to_owned(),
        };
        let all_leaves = random.random_bool(0.1);
        let aside = !all_leaves && random.random_bool(0.1);
        let place = match (all_leaves, aside) {
            (true, _) => "method: needs_all".to_owned(),
            (_, true) => "method: inspect".to_owned(),
            _ => format!("needs: [{}]", needs.join(", ")),
        };
        writeln!(
            yaml,
            "- {{name: p{pod}, uses: Chaos, uses_with: {with}, {place}, replicas: {replicas}, shards: {shards}, \
             polling: {polling}, floating: {floating}, uses_dynamic_batching: {batching}}}",
        )
        .unwrap();
        if !floating && !aside {
            standing.push(pod);
        }
    }
    yaml
}

/// Sends requests through one flow and balances its books.
async fn balance(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let yaml = flow(&mut random);
    let flow = start(&plan(&yaml, directory.path(), &Environment::default())).await;
    let requests = random.random_range(1..25);
    let mut waiting = Vec::new();
    let mut refused = 0;
    for request in 0..requests {
        let ids: Vec<String> =
            (0..random.random_range(0..5)).map(|document| format!("{request}-{document}")).collect();
        let deadline = random
            .random_bool(0.2)
            .then(|| Instant::now() + Duration::from_micros(random.random_range(0..1500)));
        let endpoint = ["/index", "/search", "/other"][random.random_range(0..3)].to_owned();
        let sent = Request { documents: documents(ids.clone()), endpoint, deadline, ..Request::default() };
        match flow.submit(sent).await {
            Ok(pending) if random.random_bool(0.1) => drop(pending),
            Ok(pending) => waiting.push((ids, tokio::spawn(pending.outcome()))),
            Err(_) => refused += 1,
        }
    }
    for (sent, outcome) in waiting {
        if let Outcome::Reply(response) = outcome.await.unwrap() {
            let mut came_back: Vec<&str> = crate::support::ids(&response.documents);
            came_back.extend(response.failures.iter().map(|failure| failure.failure.id.as_str()));
            let unique: HashSet<&str> = came_back.iter().copied().collect();
            assert_eq!(unique.len(), came_back.len(), "seed {seed}: a document came back twice\n{yaml}");
            assert_eq!(
                unique,
                sent.iter().map(String::as_str).collect(),
                "seed {seed}: documents differ\n{yaml}"
            );
        }
    }
    flow.close();
    let limit = Instant::now() + Duration::from_secs(60);
    let books = loop {
        let books = flow.request_counts();
        if books.in_flight == 0 {
            break books;
        }
        assert!(Instant::now() < limit, "seed {seed}: something stayed inside: {books:?}\n{yaml}");
        tokio::task::yield_now().await;
    };
    assert_eq!(books.unanswered(), 0, "seed {seed}: {books:?}\n{yaml}");
    assert_eq!(books.accepted + books.rejected, requests, "seed {seed}: {books:?}\n{yaml}");
    assert_eq!(books.rejected, refused, "seed {seed}: {books:?}\n{yaml}");
    assert!(flow.pod_statistics().iter().all(|pod| pod.queued == 0), "seed {seed}\n{yaml}");
    let drained = flow.drain(Duration::from_secs(60)).await;
    assert!(drained.completed(), "seed {seed}: {drained:?}\n{yaml}");
}

#[test]
fn accepted_equals_replied_plus_failed_plus_expired_plus_cancelled_over_random_graphs() {
    std::panic::set_hook(Box::new(|panic| {
        if !panic.to_string().contains("chaos") {
            eprintln!("{panic}");
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let seeds = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut lanes = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let seeds = std::sync::Arc::clone(&seeds);
            lanes.spawn(async move {
                loop {
                    let seed = seeds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= FLOWS {
                        break;
                    }
                    balance(seed).await;
                }
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
    });
}
