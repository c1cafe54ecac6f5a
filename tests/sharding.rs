//! Any number of shards and replicas gives the answer of one index: same ids, order and scores, ties included.

use std::path::Path;
use std::time::{Duration, Instant};

use flowrun::runtime::Flow;
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::support::{call, plan, scratch, start};

/// Number of random corpora.
const CORPORA: u64 = 150;

/// Ids and scores of the matches of each query, in order.
pub(crate) type Matches = Vec<Vec<(String, f32)>>;

/// Documents with two chunks each. Vectors repeat often: three dimensions with three possible values.
pub(crate) fn documents(random: &mut ChaCha8Rng, count: usize, prefix: &str) -> Vec<Document> {
    let mut vector = || loop {
        let vector: Vec<f32> = (0..3).map(|_| [-1.0, 0.0, 1.0][random.random_range(0..3)]).collect();
        if vector.iter().any(|element| *element != 0.0) {
            return vector;
        }
    };
    let document = |number| {
        let mut document = Document::new(format!("{prefix}{number}")).with_embedding(vector());
        let chunks =
            (0..2).map(|chunk| document.new_chunk(chunk).with_embedding(vector()).with_tag("siblings", 2));
        document.chunks = chunks.collect();
        document
    };
    (0..count).map(document).collect()
}

async fn flow(directory: &Path, metric: &str, shards: usize, replicas: usize, ranked: bool) -> Flow {
    let paths = if ranked { "@c" } else { "@r" };
    let ranker =
        if ranked { "- {name: ranker, uses: BiMatchRanker, uses_with: {d_miss: 2.0}}\n" } else { "" };
    let yaml = format!(
        "jtype: Flow\nwith: {{workspace: index{shards}}}\nexecutors:\n- name: index\n  uses: VectorIndexer\n  \
         uses_with: {{metric: {metric}, access_paths: '{paths}', fsync: never}}\n  shards: {shards}\n  \
         replicas: {replicas}\n{ranker}"
    );
    start(&plan(&yaml, directory, &Environment::default())).await
}

pub(crate) async fn send(
    flow: &Flow,
    endpoint: &str,
    documents: Vec<Document>,
    top_k: usize,
) -> Vec<Document> {
    call(flow, endpoint, documents, json!({ "top_k": top_k })).await.documents.into_vec()
}

pub(crate) fn matches_of(queries: Vec<Document>) -> Matches {
    let matches = |document: &Document| (document.id.clone(), document.score().unwrap().value);
    queries.iter().map(|query| query.matches.iter().map(matches).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_shards_and_replicas_gives_the_same_answer() {
    for seed in 0..CORPORA {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let count = random.random_range(1..60);
        let corpus = documents(&mut random, count, "d");
        let queries = documents(&mut random, 5, "q");
        let metric = ["cosine", "euclidean", "inner_product"][random.random_range(0..3)];
        let (shards, replicas) = (random.random_range(2..6), random.random_range(1..4));
        let top_k = random.random_range(1..20);
        let ranked = random.random_bool(0.3);
        let directory = scratch();
        let mut answers: Vec<Matches> = Vec::new();
        for (shards, replicas) in [(1, 1), (shards, replicas)] {
            let flow = flow(directory.path(), metric, shards, replicas, ranked).await;
            for batch in corpus.chunks(7) {
                send(&flow, "/index", batch.to_vec(), top_k).await;
            }
            answers.push(matches_of(send(&flow, "/search", queries.clone(), top_k).await));
        }
        let context = format!(
            "seed {seed}: {metric}, {shards} shards, {replicas} replicas, top {top_k}, ranked: {ranked}"
        );
        assert_eq!(answers[0], answers[1], "{context}");
        assert!(answers[0].iter().all(|matches| !matches.is_empty()), "{context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_an_id_twice_replaces_the_document() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let corpus = documents(&mut random, 40, "d");
    let flow = flow(directory.path(), "cosine", 4, 2, false).await;
    for _ in 0..3 {
        send(&flow, "/index", corpus.clone(), 100).await;
    }
    let answer = matches_of(send(&flow, "/search", documents(&mut random, 1, "q"), 100).await);
    assert_eq!(answer[0].len(), 40);
    call(&flow, "/delete", vec![], json!({"ids": ["d0", "d1", "d2"]})).await;
    let answer = matches_of(send(&flow, "/search", documents(&mut random, 1, "q"), 100).await);
    assert_eq!(answer[0].len(), 37);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_flows_follow_a_live_writer() {
    let directory = scratch();
    let with = |more: &str, read_only: bool| {
        format!(
            "jtype: Flow\nwith: {{workspace: index}}\nexecutors:\n- name: index\n  uses: VectorIndexer\n  \
             uses_with: {{metric: euclidean, fsync: never{more}}}\n  shards: 3\n  read_only: {read_only}\n"
        )
    };
    let open = async |yaml: String| start(&plan(&yaml, directory.path(), &Environment::default())).await;
    let writing = open(with("", false)).await;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let corpus = documents(&mut random, 90, "d");
    let queries = documents(&mut random, 5, "q");
    call(&writing, "/index", corpus[..30].to_vec(), json!({})).await;
    // Two readers, one of which caches the index of only one shard.
    let reading = [open(with("", true)).await, open(with(", resident: 1", true)).await];
    let until = Instant::now() + Duration::from_secs(60);
    for part in [&corpus[30..60], &corpus[60..]] {
        call(&writing, "/index", part.to_vec(), json!({})).await;
        let expected = matches_of(send(&writing, "/search", queries.clone(), 20).await);
        for reading in &reading {
            while matches_of(send(reading, "/search", queries.clone(), 20).await) != expected {
                assert!(Instant::now() < until, "a write is not visible");
            }
        }
    }
}
