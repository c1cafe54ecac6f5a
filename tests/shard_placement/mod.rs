//! Sharding strategies and `polling: relevant`: an index with any strategy answers like one shard, and stores each id once.

mod hints;
mod probing;

use std::path::Path;
use std::sync::Arc;

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::support::{call, plan, scratch, start};

/// Number of random corpora.
const CORPORA: u64 = 40;

/// Every strategy, in YAML.
const STRATEGIES: [&str; 12] = [
    "hash",
    "round_robin",
    "least_loaded",
    "cluster",
    "{cluster: 3}",
    "{time: {tag: t, span: 10}}",
    "{time: {tag: t, hour_of_day: true}}",
    "{content: scene}",
    "{time: {tag: t, span: 10}, content: scene}",
    "{group: video}",
    "{group: video, per_group: 2, content: scene}",
    "{group: video, per_group: 1, time: {tag: t, span: 3}}",
];

/// Ids and scores of the matches of each query, in order.
type Matches = Vec<Vec<(String, f32)>>;

async fn flow(directory: &Path, shards: usize, strategy: &str, polling: &str) -> Flow {
    let yaml = format!(
        "jtype: Flow\nwith: {{workspace: index{shards}}}\nexecutors:\n- name: index\n  uses: VectorIndexer\n  \
         uses_with: {{fsync: never}}\n  shards: {shards}\n  replicas: 2\n  strategy: {strategy}\n  polling: {polling}\n"
    );
    start(&plan(&yaml, directory, &Environment::default())).await
}

/// Matches of a filtered search, and the number of queried shards.
async fn search(flow: &Flow, queries: &[Document], filter: &Value) -> (Matches, Option<u64>) {
    let parameters = json!({"top_k": 1000, "filter": filter});
    let response = call(flow, "/search", queries.to_vec(), parameters).await;
    let matches = |document: &Document| (document.id.clone(), document.score().unwrap().value);
    let found = response.documents.iter().map(|query| query.matches.iter().map(matches).collect()).collect();
    (found, response.results.get("index").map(|index| index["shards_asked"].as_u64().unwrap()))
}

fn document(random: &mut ChaCha8Rng, id: &str) -> Document {
    let vector = vec![random.random_range(1..4_u8).into(), random.random_range(0..4_u8).into()];
    let mut document = Document::new(id).with_embedding(vector);
    let scene = ["night", "day", "dawn"][random.random_range(0..3)];
    for (tag, value) in [
        ("t", json!(random.random_range(0..60_i64))),
        ("scene", json!(scene)),
        ("video", json!(random.random_range(0..4))),
    ] {
        if random.random_bool(0.9) {
            document = document.with_tag(tag, value);
        }
    }
    document
}

fn filter(random: &mut ChaCha8Rng) -> Value {
    let t = random.random_range(-5..70_i64);
    let scene = ["night", "day", "dusk"][random.random_range(0..3)];
    let filters = [
        json!(format!("t >= {t} and t < {}", t + 8)),
        json!(format!("scene == \"{scene}\"")),
        json!(format!("not scene == \"{scene}\" and t < {t}")),
        json!(format!("video in [0, {t}] or t == {t}")),
        json!({"scene": {"$exists": false}}),
        json!({"video": {"$ne": 1}, "scene": {"$regex": "^d"}}),
        Value::Null,
    ];
    filters[random.random_range(0..filters.len())].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_strategy_and_polling_gives_the_answer_of_one_shard() {
    let mut skipped = 0;
    for seed in 0..CORPORA {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let strategy = STRATEGIES[usize::try_from(seed).unwrap() % STRATEGIES.len()];
        let polling = if random.random_bool(0.7) { "relevant" } else { "any" };
        let shards = random.random_range(2..6_u64);
        let directory = scratch();
        let one = flow(directory.path(), 1, "hash", "any").await;
        let mut several = flow(directory.path(), usize::try_from(shards).unwrap(), strategy, polling).await;
        for round in 0..4 {
            let mut id = || format!("d{}", random.random_range(0..60));
            let mut ids = |count: usize| (0..count).map(|_| id()).collect::<Vec<_>>();
            let (batch, deleted, changed) = (ids(25), ids(4), ids(4));
            // Ids repeat with other tags, and must not be stored twice.
            let mut documents = |ids: Vec<String>| -> Vec<Document> {
                ids.iter().map(|id| document(&mut random, id)).collect()
            };
            let (batch, changed) = (documents(batch), documents(changed));
            let deleted: Vec<Document> = deleted.into_iter().map(Document::new).collect();
            if round == 2 {
                several.drain(std::time::Duration::from_secs(20)).await;
                several = flow(directory.path(), usize::try_from(shards).unwrap(), strategy, polling).await;
            }
            for flow in [&one, &several] {
                call(flow, "/index", batch.clone(), json!({})).await;
                call(flow, "/delete", deleted.clone(), json!({})).await;
                call(flow, "/update", changed.clone(), json!({})).await;
            }
            let stored: u64 = documents_of_shards(&several).await.iter().sum();
            let counted = call(&one, "/count", Vec::new(), json!({})).await.results;
            let expected = counted.values().find_map(|result| result["count"].as_u64());
            // Differs if an id is stored twice or is missing.
            assert_eq!(Some(stored), expected, "seed {seed}: {strategy}, {shards} shards");
            let queries = vec![document(&mut random, "q0"), document(&mut random, "q1")];
            for _ in 0..6 {
                let filter = filter(&mut random);
                let (expected, _) = search(&one, &queries, &filter).await;
                let (found, queried) = search(&several, &queries, &filter).await;
                assert_eq!(found, expected, "seed {seed}: {strategy}, {polling}, {shards} shards, {filter}");
                assert_eq!(queried.is_some(), polling == "relevant");
                assert!(queried.is_none_or(|queried| (1..=shards).contains(&queried)));
                assert!(filter != Value::Null || queried.is_none_or(|queried| queried == shards));
                skipped += queried.map_or(0, |queried| shards - queried);
            }
        }
    }
    assert!(skipped > 100, "only {skipped} shards were skipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_written_concurrently_is_stored_once() {
    for strategy in ["round_robin", "least_loaded", "{time: {tag: t, span: 1}}"] {
        let directory = scratch();
        let flow = Arc::new(flow(directory.path(), 4, strategy, "any").await);
        let writers = (0..8_u64).map(|writer| {
            let flow = Arc::clone(&flow);
            tokio::spawn(async move {
                let mut random = ChaCha8Rng::seed_from_u64(writer);
                for _ in 0..20 {
                    let ids: Vec<String> =
                        (0..5).map(|_| format!("d{}", random.random_range(0..30))).collect();
                    let batch = ids.iter().map(|id| document(&mut random, id)).collect();
                    call(&flow, "/index", batch, json!({})).await;
                    let deleted = vec![Document::new(format!("d{}", random.random_range(0..30)))];
                    call(&flow, "/delete", deleted, json!({})).await;
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
        let all: Vec<Document> =
            (0..30).map(|id| document(&mut ChaCha8Rng::seed_from_u64(9), &format!("d{id}"))).collect();
        call(&flow, "/index", all, json!({})).await;
        let query = vec![Document::new("q").with_embedding(vec![1.0, 1.0])];
        let (found, _) = search(&flow, &query, &Value::Null).await;
        let mut ids: Vec<&String> = found[0].iter().map(|(id, _)| id).collect();
        ids.sort();
        assert_eq!(ids.len(), 30, "{strategy}");
        let stored: u64 = documents_of_shards(&flow).await.iter().sum();
        assert_eq!(stored, 30, "{strategy}");
    }
}

/// Number of documents by shard.
async fn documents_of_shards(flow: &Flow) -> Vec<u64> {
    let response = call(flow, "/status", Vec::new(), json!({})).await;
    let shard = |shard: usize| {
        let mut results = response.results.iter();
        let (_, status) = results.find(|(name, _)| name.contains(&format!("shard-{shard}/")))?;
        status["documents"].as_u64()
    };
    (0..).map_while(shard).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_are_found_by_relevant_polling_immediately() {
    let directory = scratch();
    let flow = Arc::new(flow(directory.path(), 4, "{content: scene}", "relevant").await);
    let writers = (0..4).map(|writer| {
        let flow = Arc::clone(&flow);
        tokio::spawn(async move {
            for number in 0..25 {
                let scene = format!("scene {writer} {number}");
                let written =
                    Document::new(&*scene).with_embedding(vec![1.0, 2.0]).with_tag("scene", scene.clone());
                call(&flow, "/index", vec![written.clone()], json!({})).await;
                let (found, queried) = search(&flow, &[written], &json!({ "scene": scene })).await;
                assert_eq!((found[0].len(), queried), (1, Some(1)), "{scene}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    // After `/clear` no shard can match; one shard is queried nevertheless and returns nothing.
    call(&flow, "/clear", Vec::new(), json!({})).await;
    let query = Document::new("q").with_embedding(vec![1.0, 2.0]);
    assert_eq!(search(&flow, &[query], &json!({"scene": "scene 0 0"})).await, (vec![vec![]], Some(1)));
    let counted = call(&flow, "/count", Vec::new(), json!({"filter": {"scene": "x"}})).await;
    assert_eq!(counted.results["index"], json!({"shards_asked": 1, "shards": 4}));
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_distribute_documents_by_their_rule() {
    let scenes = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let documents = |tagged: fn(usize) -> (usize, usize, usize)| -> Vec<Document> {
        let document = |number: usize| {
            let (t, scene, video) = tagged(number);
            let document = Document::new(format!("d{number}")).with_embedding(vec![1.0, 2.0]);
            document.with_tag("t", t).with_tag("scene", scenes[scene]).with_tag("video", video)
        };
        (0..96).map(document).collect()
    };
    let hours = |number: usize| (3600 * number, number % 8, number % 3);
    for (strategy, expected) in [
        ("round_robin", vec![24, 24, 24, 24]),
        ("least_loaded", vec![24, 24, 24, 24]),
        // Consecutive spans of 40 hours; the third is not full.
        ("{time: {tag: t, span: 144000}}", vec![40, 40, 16, 0]),
        // Six hours of each of four days.
        ("{time: {tag: t, hour_of_day: true}}", vec![24, 24, 24, 24]),
    ] {
        let directory = scratch();
        let flow = flow(directory.path(), 4, strategy, "any").await;
        for batch in documents(hours).chunks(10) {
            call(&flow, "/index", batch.to_vec(), json!({})).await;
        }
        assert_eq!(documents_of_shards(&flow).await, expected, "{strategy}");
    }
    for (strategy, tag, shards) in
        [("{content: scene}", "scene", 1), ("{group: video, per_group: 2}", "video", 2)]
    {
        let directory = scratch();
        let flow = flow(directory.path(), 4, strategy, "relevant").await;
        call(&flow, "/index", documents(hours), json!({})).await;
        for value in documents(hours).iter().map(|document| &document.tags[tag]) {
            let query = Document::new("q").with_embedding(vec![1.0, 2.0]);
            let (found, _) = search(&flow, &[query], &json!({ tag: value })).await;
            assert_eq!(found[0].len(), 96 / if tag == "scene" { 8 } else { 3 });
            let holding = shards_with_matches(&flow, &json!({ tag: value })).await;
            assert!((1..=shards).contains(&holding), "{strategy} {value}: {holding}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_uses_another_shard_once_one_has_twice_its_share() {
    let strategy = "{group: video, time: {tag: t, span: 60}, content: scene}";
    // A film with a single scene and minute.
    for (count, least) in [(60_u64, 1), (1200, 3)] {
        let directory = scratch();
        let flow = flow(directory.path(), 8, strategy, "any").await;
        let frame = |number: u64| {
            let frame = Document::new(format!("d{number}")).with_embedding(vec![1.0, 2.0]);
            frame.with_tag("video", "film").with_tag("scene", "day").with_tag("t", number % 50)
        };
        for batch in (0..count).map(frame).collect::<Vec<_>>().chunks(100) {
            call(&flow, "/index", batch.to_vec(), json!({})).await;
        }
        let mut held = documents_of_shards(&flow).await;
        held.retain(|documents| *documents > 0);
        assert_eq!((held.iter().sum::<u64>(), held.len()), (count, least), "{held:?}");
        assert!(held.iter().all(|documents| *documents <= 2 * count / 3 + 64), "{held:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_by_filter_or_ids_go_to_all_shards_even_with_documents() {
    for strategy in ["hash", "round_robin"] {
        let directory = scratch();
        let flow = flow(directory.path(), 4, strategy, "any").await;
        let document = |number: u64| {
            Document::new(format!("d{number}")).with_embedding(vec![1.0, 2.0]).with_tag("t", number)
        };
        let left = || async { documents_of_shards(&flow).await.iter().sum::<u64>() };
        call(&flow, "/index", (0..40).map(document).collect(), json!({})).await;
        let filter = json!({"filter": {"t": {"$lt": 20}}});
        call(&flow, "/delete", vec![document(30)], filter).await;
        assert_eq!(left().await, 19, "{strategy}");
        call(&flow, "/delete", vec![document(31)], json!({"ids": ["d32", "d33", "d34", "d35"]})).await;
        assert_eq!(left().await, 14, "{strategy}");
        call(&flow, "/delete", vec![document(36)], json!({})).await;
        assert_eq!(left().await, 13, "{strategy}");
        call(&flow, "/clear", vec![document(37)], json!({})).await;
        assert_eq!(left().await, 0, "{strategy}");
    }
}

/// Number of shards with documents that match a filter.
async fn shards_with_matches(flow: &Flow, filter: &Value) -> usize {
    let response = call(flow, "/count", Vec::new(), json!({ "filter": filter })).await;
    let counts = response.results.iter().filter(|(name, _)| name.contains("shard-"));
    counts.filter(|(_, result)| result["count"].as_u64().unwrap() > 0).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn strategies_require_executors_that_report_their_documents() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, shards: 2, strategy: round_robin}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let mut report = Report::default();
    assert!(launch(&topology, &crate::support::catalog(), &mut report).await.is_none());
    let diagnostics = format!("{:?}", report.sorted());
    assert!(
        diagnostics.contains("does not report which documents it stores")
            && diagnostics.contains("strategy: hash"),
        "{diagnostics}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_document_stays_in_its_shard() {
    let directory = scratch();
    let flow = flow(directory.path(), 2, "round_robin", "any").await;
    let document = |id: &str| Document::new(id).with_embedding(vec![1.0, 2.0]);
    for id in ["z", "b"] {
        call(&flow, "/index", vec![document(id)], json!({})).await;
    }
    // A child of a document in the other shard, and a chunk whose id is that of a root document there.
    call(&flow, "/index", vec![Document { parent_id: "b".to_owned(), ..document("f") }], json!({})).await;
    let mut parent = document("b");
    parent.chunks = [Document { id: "z".to_owned(), ..parent.new_chunk(0) }].into_iter().collect();
    call(&flow, "/index", vec![parent], json!({})).await;
    assert_eq!(documents_of_shards(&flow).await.iter().sum::<u64>(), 3);
    let deleted = call(&flow, "/delete", vec![document("b")], json!({})).await;
    assert!(!deleted.documents.is_empty());
    let got = call(&flow, "/get", vec![Document::new("b"), Document::new("z")], json!({})).await;
    let vectors: Vec<bool> = got.documents.iter().map(|document| document.embedding.is_some()).collect();
    assert_eq!(vectors, [false, true]);
}
