//! Few of the shards are asked, and what is near is found.

use flowrun::runtime::Request;
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{documents_of_shards, flow};
use crate::support::{call, plan, scratch, start};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_goes_by_what_is_searched_for() {
    let directory = scratch();
    let flow = flow(directory.path(), 2, "{content: scene}", "relevant").await;
    let places = [("a", [1.0, 0.0]), ("d", [0.0, 1.0])];
    let stored =
        places.map(|(scene, at)| Document::new(scene).with_embedding(at.to_vec()).with_tag("scene", scene));
    call(&flow, "/index", stored.to_vec(), json!({})).await;
    // Of scenes in one shard a probe could not tell anything.
    assert_eq!(documents_of_shards(&flow).await, [1, 1]);
    for ((near, at), (_, far)) in places.iter().zip(places.iter().rev()) {
        let mut query = Document::new("q").with_embedding(far.to_vec());
        query.chunks = [Document::new("c").with_embedding(at.to_vec())].into_iter().collect();
        let parameters = json!({"probe": 1, "top_k": 1, "access_paths": "@c"});
        let answer = call(&flow, "/search", vec![query], parameters).await;
        assert_eq!(answer.documents[0].chunks[0].matches[0].id, *near);
        assert_eq!(answer.results["index"], json!({"shards_asked": 1, "shards": 2}));
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

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_filter_is_asked_as_a_whole() {
    let directory = scratch();
    let yaml = "jtype: Flow\nwith: {workspace: stores}\nexecutors:\n\
                - {name: store, uses: DocumentStore, shards: 3, polling: relevant}\n";
    let flow = start(&plan(yaml, directory.path(), &Environment::default())).await;
    let stored: Vec<Document> =
        (0..9).map(|id| Document::new(format!("d{id}")).with_text("stored")).collect();
    call(&flow, "/index", stored, json!({})).await;
    let mut query = Document::new("q");
    query.matches = (0..9).map(|id| Document::new(format!("d{id}"))).collect();
    // Meant for an indexer before it.
    let parameters = json!({"filter": {"scene": "night"}, "probe": 1});
    let reply = call(&flow, "/search", vec![query], parameters).await;
    assert_eq!(reply.documents[0].matches.len(), 9);
    assert!(reply.documents[0].matches.iter().all(|found| found.text.as_deref() == Some("stored")));
    assert_eq!(reply.results["store"]["shards_asked"], 3);
}
