//! Whatever says which shard a document goes to, and whichever shards are asked, an index answers as one shard does, and
//! an id is there once.

use std::path::Path;
use std::sync::Arc;

use flowrun::diagnostic::Report;
use flowrun::runtime::{Flow, Request, Response, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::support::{plan, reply, start};

/// Corpora that are tried.
const CORPORA: u64 = 40;

/// Every strategy, as it is written.
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

/// What a search finds: of every query, ids and scores in order.
type Found = Vec<Vec<(String, f32)>>;

/// A directory in memory where there is one: many indexes are made, and none has to outlive the test.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

async fn flow(directory: &Path, shards: usize, strategy: &str, polling: &str) -> Flow {
    let yaml = format!(
        "jtype: Flow\nwith: {{workspace: index{shards}}}\nexecutors:\n- name: index\n  uses: VectorIndexer\n  \
         uses_with: {{fsync: never}}\n  shards: {shards}\n  replicas: 2\n  strategy: {strategy}\n  polling: {polling}\n"
    );
    start(&plan(&yaml, directory, &Environment::default())).await
}

async fn call(flow: &Flow, endpoint: &str, documents: Vec<Document>, parameters: Value) -> Response {
    let request = Request {
        endpoint: endpoint.to_owned(),
        documents: documents.into(),
        parameters: parameters.as_object().unwrap().clone(),
        ..Request::default()
    };
    reply(flow.submit(request).await.unwrap().outcome().await)
}

/// What a filter finds for the queries, and how many shards were asked.
async fn search(flow: &Flow, queries: &[Document], filter: &Value) -> (Found, Option<u64>) {
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
async fn any_strategy_and_polling_finds_what_one_shard_finds() {
    let mut spared = 0;
    for seed in 0..CORPORA {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let strategy = STRATEGIES[usize::try_from(seed).unwrap() % STRATEGIES.len()];
        let polling = if random.random_bool(0.7) { "relevant" } else { "any" };
        let shards = random.random_range(2..6_u64);
        let directory = scratch();
        let one = flow(directory.path(), 1, "hash", "any").await;
        let mut several = flow(directory.path(), usize::try_from(shards).unwrap(), strategy, polling).await;
        for round in 0..4 {
            let ids = |random: &mut ChaCha8Rng| format!("d{}", random.random_range(0..60));
            // Ids come again with other tags: they must not be there twice.
            let batch: Vec<Document> = (0..25)
                .map(|_| ids(&mut random))
                .collect::<Vec<_>>()
                .iter()
                .map(|id| document(&mut random, id))
                .collect();
            let gone: Vec<Document> = (0..4).map(|_| Document::new(ids(&mut random))).collect();
            let changed: Vec<Document> = (0..4)
                .map(|_| ids(&mut random))
                .collect::<Vec<_>>()
                .iter()
                .map(|id| document(&mut random, id))
                .collect();
            if round == 2 {
                several.drain(std::time::Duration::from_secs(20)).await;
                several = flow(directory.path(), usize::try_from(shards).unwrap(), strategy, polling).await;
            }
            for flow in [&one, &several] {
                call(flow, "/index", batch.clone(), json!({})).await;
                call(flow, "/delete", gone.clone(), json!({})).await;
                call(flow, "/update", changed.clone(), json!({})).await;
            }
            let queries = vec![document(&mut random, "q0"), document(&mut random, "q1")];
            for _ in 0..6 {
                let asked_for = filter(&mut random);
                let (expected, _) = search(&one, &queries, &asked_for).await;
                let (found, asked) = search(&several, &queries, &asked_for).await;
                assert_eq!(
                    found, expected,
                    "seed {seed}: {strategy}, {polling}, {shards} shards, {asked_for}"
                );
                assert_eq!(asked.is_some(), polling == "relevant");
                assert!(asked.is_none_or(|asked| (1..=shards).contains(&asked)));
                assert!(asked_for != Value::Null || asked.is_none_or(|asked| asked == shards));
                spared += asked.map_or(0, |asked| shards - asked);
            }
        }
    }
    assert!(spared > 100, "{spared} shards were not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_several_write_at_once_is_there_once() {
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
                    let gone = vec![Document::new(format!("d{}", random.random_range(0..30)))];
                    call(&flow, "/delete", gone, json!({})).await;
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

/// How many documents each shard has.
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
async fn what_is_acknowledged_is_found_by_relevant_shards_at_once() {
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
                let (found, asked) = search(&flow, &[written], &json!({ "scene": scene })).await;
                assert_eq!((found[0].len(), asked), (1, Some(1)), "{scene}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    // Emptied, no shard can have any of it; what is asked all the same answers with nothing.
    call(&flow, "/clear", Vec::new(), json!({})).await;
    let query = Document::new("q").with_embedding(vec![1.0, 2.0]);
    assert_eq!(search(&flow, &[query], &json!({"scene": "scene 0 0"})).await, (vec![vec![]], Some(1)));
    let counted = call(&flow, "/count", Vec::new(), json!({"filter": {"scene": "x"}})).await;
    assert_eq!(counted.results["index"], json!({"shards_asked": 1, "shards": 4}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_puts_documents_where_it_says() {
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
        // Spans of 40 hours, the third of which is not full, one after the other.
        ("{time: {tag: t, span: 144000}}", vec![40, 40, 16, 0]),
        // Four days: six hours of each.
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
            let holding = holding(&flow, &json!({ tag: value })).await;
            assert!((1..=shards).contains(&holding), "{strategy} {value}: {holding}");
        }
    }
}

/// How many shards have documents that a filter means.
async fn holding(flow: &Flow, filter: &Value) -> usize {
    let response = call(flow, "/count", Vec::new(), json!({ "filter": filter })).await;
    let counts = response.results.iter().filter(|(name, _)| name.contains("shard-"));
    counts.filter(|(_, result)| result["count"].as_u64().unwrap() > 0).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strategy_wants_an_executor_that_knows_what_it_holds() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "jtype: Flow\nexecutors:\n- {name: a, uses: Pass, shards: 2, strategy: round_robin}\n";
    let topology = plan(yaml, directory.path(), &Environment::default());
    let mut report = Report::default();
    assert!(launch(&topology, &mut report).await.is_none());
    let said = format!("{:?}", report.sorted());
    assert!(
        said.contains("does not say which documents it holds") && said.contains("strategy: hash"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_asks_the_shards_that_are_nearest() {
    let directory = scratch();
    let flow = flow(directory.path(), 4, "{content: scene}", "relevant").await;
    // Eight directions, each with a scene of its own.
    let direction = |number: u8| {
        let angle = f32::from(number % 8) * std::f32::consts::FRAC_PI_4 + f32::from(number / 8) * 0.01;
        vec![angle.cos(), angle.sin()]
    };
    let document = |number: u8| {
        let document = Document::new(format!("d{number}")).with_embedding(direction(number));
        document.with_tag("scene", format!("scene {}", number % 8))
    };
    for batch in (0..80).map(document).collect::<Vec<_>>().chunks(16) {
        call(&flow, "/index", batch.to_vec(), json!({})).await;
    }
    for number in 0..8 {
        let query = vec![Document::new("q").with_embedding(direction(number))];
        let answer =
            |probe: Value| call(&flow, "/search", query.clone(), json!({"top_k": 10, "probe": probe}));
        let (near, all) = (answer(json!(1)).await, answer(Value::Null).await);
        assert_eq!(near.documents, all.documents, "{number}");
        assert_eq!(near.results["index"], json!({"shards_asked": 1, "shards": 4}));
        assert_eq!(all.results["index"], json!({"shards_asked": 4, "shards": 4}));
    }
    let both: Vec<Document> =
        (0..8).map(|number| Document::new(format!("q{number}")).with_embedding(direction(number))).collect();
    let near = call(&flow, "/search", both.clone(), json!({"top_k": 10, "probe": 1})).await;
    let all = call(&flow, "/search", both, json!({"top_k": 10})).await;
    assert_eq!(near.documents, all.documents);
    for probe in [json!(0), json!(-1), json!("two")] {
        let request = Request {
            endpoint: "/search".to_owned(),
            parameters: json!({ "probe": probe }).as_object().unwrap().clone(),
            ..Request::default()
        };
        let error = crate::support::error(flow.submit(request).await.unwrap().outcome().await).to_string();
        assert!(error.contains("parameter `probe`: must be an integer ≥ 1"), "{error}");
    }
}

/// Vectors around centres, and the centres' neighbours to ask for.
fn gathered(random: &mut ChaCha8Rng, centres: &[Vec<f32>], prefix: &str, count: usize) -> Vec<Document> {
    let document = |number: usize| {
        let centre = &centres[random.random_range(0..centres.len())];
        let vector: Vec<f32> = centre.iter().map(|at| at + random.random_range(-0.15..0.15_f32)).collect();
        Document::new(format!("{prefix}{number}")).with_embedding(vector)
    };
    (0..count).map(document).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarter_of_the_shards_finds_what_clusters_keep_together() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let centres: Vec<Vec<f32>> =
        (0..50).map(|_| (0..16).map(|_| random.random_range(-1.0..1.0_f32)).collect()).collect();
    let directory = scratch();
    let documents = gathered(&mut random, &centres, "d", 4000);
    let queries = gathered(&mut random, &centres, "q", 50);
    let mut index = flow(directory.path(), 8, "cluster", "relevant").await;
    for (round, half) in documents.chunks(2000).enumerate() {
        if round == 1 {
            index.drain(std::time::Duration::from_secs(20)).await;
            index = flow(directory.path(), 8, "cluster", "relevant").await;
        }
        for batch in half.chunks(100) {
            call(&index, "/index", batch.to_vec(), json!({})).await;
        }
        let stored = documents_of_shards(&index).await;
        let most = 2 * (2000 * (round as u64 + 1)) / 8 + 100;
        assert!(stored.iter().all(|documents| (1..=most).contains(documents)), "{stored:?}");
        let mut found = 0;
        for query in &queries {
            let ask = async |probe: Value| {
                let parameters = json!({"top_k": 10, "probe": probe});
                let response = call(&index, "/search", vec![query.clone()], parameters).await;
                let ids: Vec<String> =
                    response.documents[0].matches.iter().map(|found| found.id.clone()).collect();
                (ids, response.results["index"]["shards_asked"].clone())
            };
            let (near, asked) = ask(json!(2)).await;
            let (all, _) = ask(Value::Null).await;
            assert_eq!(asked, json!(2));
            found += near.iter().filter(|id| all.contains(id)).count();
        }
        assert!(found > 480, "{found} of 500");
    }
}
