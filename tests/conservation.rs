//! Conservation of requests: every accepted request has exactly one outcome, and none remains in the flow.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::support::workers::Distributed;
use crate::support::{documents, plan};
use flowrun::runtime::{Outcome, Request};
use flowrun::yaml::Environment;
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Number of flows. Each has its own random graph and random errors.
const FLOWS: u64 = 2_400;

/// Number of flows whose pods run on workers, each worker with a gateway of its own.
const DISTRIBUTED_FLOWS: u64 = 60;

/// A random graph: joins, branches, floating pods, shards, replicas, and executors that misbehave.
fn flow(random: &mut ChaCha8Rng) -> String {
    let prefetch = random.random_range(1..12);
    let when_full = if random.random_bool(0.2) { "refuse" } else { "wait" };
    let mut yaml =
        format!("jtype: Flow\nwith: {{prefetch: {prefetch}, when_full: {when_full}}}\nexecutors:\n");
    let pods = random.random_range(1..8);
    let mut joinable: Vec<usize> = Vec::new();
    for pod in 0..pods {
        let floating = pod > 0 && random.random_bool(0.1);
        let mut needs: Vec<String> =
            joinable.iter().filter(|_| random.random_bool(0.35)).map(|pod| format!("p{pod}")).collect();
        if needs.is_empty() {
            let last = joinable.last().map_or_else(|| "gateway".to_owned(), |pod| format!("p{pod}"));
            needs.push(if random.random_bool(0.15) { "gateway".to_owned() } else { last });
        }
        let with = format!(
            "{{seed: {}, delay_max: {}, document_errors: {}, call_errors: {}, panics: {}, task: {}, inline: {}}}",
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
        let inspect = !all_leaves && random.random_bool(0.1);
        let position = match (all_leaves, inspect) {
            (true, _) => "method: needs_all".to_owned(),
            (_, true) => "method: inspect".to_owned(),
            _ => format!("needs: [{}]", needs.join(", ")),
        };
        writeln!(
            yaml,
            "- {{name: p{pod}, uses: Chaos, uses_with: {with}, {position}, replicas: {replicas}, shards: {shards}, \
             polling: {polling}, floating: {floating}, uses_dynamic_batching: {batching}}}",
        )
        .unwrap();
        if !floating && !inspect {
            joinable.push(pod);
        }
    }
    yaml
}

/// Sends random requests through one flow, whose pods may run on workers, and checks its request counts.
async fn check_flow(seed: u64, on_workers: bool) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let yaml = flow(&mut random);
    let topology = plan(&yaml, directory.path(), &Environment::default());
    let flow = Distributed::start(&topology, on_workers).await;
    let requests = random.random_range(1..25);
    let mut waiting = Vec::new();
    let mut rejected = 0;
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
            Err(_) => rejected += 1,
        }
    }
    for (sent, outcome) in waiting {
        if let Outcome::Reply(response) = outcome.await.unwrap() {
            let mut returned: Vec<&str> = crate::support::ids(&response.documents);
            returned.extend(response.failures.iter().map(|failure| failure.failure.id.as_str()));
            let unique: HashSet<&str> = returned.iter().copied().collect();
            assert_eq!(unique.len(), returned.len(), "seed {seed}: a document was returned twice\n{yaml}");
            assert_eq!(
                unique,
                sent.iter().map(String::as_str).collect(),
                "seed {seed}: documents differ\n{yaml}"
            );
        }
    }
    flow.close();
    let limit = Instant::now() + Duration::from_secs(60);
    let counts = loop {
        let counts = flow.request_counts();
        if counts.in_flight == 0 {
            break counts;
        }
        assert!(Instant::now() < limit, "seed {seed}: a request remained in the flow: {counts:?}\n{yaml}");
        tokio::task::yield_now().await;
    };
    assert_eq!(counts.unanswered(), 0, "seed {seed}: {counts:?}\n{yaml}");
    assert_eq!(counts.accepted + counts.rejected, requests, "seed {seed}: {counts:?}\n{yaml}");
    assert_eq!(counts.rejected, rejected, "seed {seed}: {counts:?}\n{yaml}");
    assert!(flow.pod_statistics().iter().all(|pod| pod.queued == 0), "seed {seed}\n{yaml}");
    let drained = flow.drain(Duration::from_secs(60)).await;
    assert!(drained.completed(), "seed {seed}: {drained:?}\n{yaml}");
    flow.end().await;
}

#[test]
fn accepted_equals_replied_plus_failed_plus_expired_plus_cancelled_over_random_graphs() {
    check_flows(FLOWS, false);
}

#[test]
fn accepted_equals_replied_plus_failed_plus_expired_plus_cancelled_with_all_pods_on_workers() {
    check_flows(DISTRIBUTED_FLOWS, true);
}

/// Checks the flows of the seeds below `flows`.
fn check_flows(flows: u64, on_workers: bool) {
    std::panic::set_hook(Box::new(|panic| {
        if !panic.to_string().contains("chaos") {
            eprintln!("{panic}");
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let seeds = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let seeds = std::sync::Arc::clone(&seeds);
            tasks.spawn(async move {
                loop {
                    let seed = seeds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= flows {
                        break;
                    }
                    check_flow(seed, on_workers).await;
                }
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
    });
}
