//! `probe`: queries only the nearest shards.

use flowrun::runtime::Request;
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{documents_of_shards, flow};
use crate::support::{call, plan, scratch, start};

#[tokio::test(flavor = "multi_thread")]
async fn probe_queries_the_nearest_shards() {
    let directory = scratch();
    let flow = flow(directory.path(), 4, "{content: scene}", "relevant").await;
    // Eight directions with one scene each.
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
async fn probe_uses_the_vectors_selected_by_access_paths() {
    let directory = scratch();
    let flow = flow(directory.path(), 2, "{content: scene}", "relevant").await;
    let positions = [("a", [1.0, 0.0]), ("d", [0.0, 1.0])];
    let stored = positions
        .map(|(scene, at)| Document::new(scene).with_embedding(at.to_vec()).with_tag("scene", scene));
    call(&flow, "/index", stored.to_vec(), json!({})).await;
    // Each scene must be in another shard, or the test proves nothing.
    assert_eq!(documents_of_shards(&flow).await, [1, 1]);
    for ((near, at), (_, far)) in positions.iter().zip(positions.iter().rev()) {
        let mut query = Document::new("q").with_embedding(far.to_vec());
        query.chunks = [Document::new("c").with_embedding(at.to_vec())].into_iter().collect();
        let parameters = json!({"probe": 1, "top_k": 1, "access_paths": "@c"});
        let answer = call(&flow, "/search", vec![query], parameters).await;
        assert_eq!(answer.documents[0].chunks[0].matches[0].id, *near);
        assert_eq!(answer.results["index"], json!({"shards_asked": 1, "shards": 2}));
    }
}

/// Documents with vectors around random centres.
fn clustered(random: &mut ChaCha8Rng, centres: &[Vec<f32>], prefix: &str, count: usize) -> Vec<Document> {
    let document = |number: usize| {
        let centre = &centres[random.random_range(0..centres.len())];
        let vector: Vec<f32> = centre.iter().map(|at| at + random.random_range(-0.15..0.15_f32)).collect();
        Document::new(format!("{prefix}{number}")).with_embedding(vector)
    };
    (0..count).map(document).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn probing_a_quarter_of_clustered_shards_has_high_recall() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let centres: Vec<Vec<f32>> =
        (0..50).map(|_| (0..16).map(|_| random.random_range(-1.0..1.0_f32)).collect()).collect();
    let directory = scratch();
    let documents = clustered(&mut random, &centres, "d", 4000);
    let queries = clustered(&mut random, &centres, "q", 50);
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
            let search = async |probe: Value| {
                let parameters = json!({"top_k": 10, "probe": probe});
                let response = call(&index, "/search", vec![query.clone()], parameters).await;
                let ids: Vec<String> =
                    response.documents[0].matches.iter().map(|found| found.id.clone()).collect();
                (ids, response.results["index"]["shards_asked"].clone())
            };
            let (near, queried) = search(json!(2)).await;
            let (all, _) = search(Value::Null).await;
            assert_eq!(queried, json!(2));
            found += near.iter().filter(|id| all.contains(id)).count();
        }
        assert!(found > 480, "{found} of 500");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_without_filters_query_all_shards() {
    let directory = scratch();
    let yaml = "jtype: Flow\nwith: {workspace: stores}\nexecutors:\n\
                - {name: store, uses: DocumentStore, shards: 3, polling: relevant}\n";
    let flow = start(&plan(yaml, directory.path(), &Environment::default())).await;
    let stored: Vec<Document> =
        (0..9).map(|id| Document::new(format!("d{id}")).with_text("stored")).collect();
    call(&flow, "/index", stored, json!({})).await;
    let mut query = Document::new("q");
    query.matches = (0..9).map(|id| Document::new(format!("d{id}"))).collect();
    // Parameters for an indexer before the store.
    let parameters = json!({"filter": {"scene": "night"}, "probe": 1});
    let reply = call(&flow, "/search", vec![query], parameters).await;
    assert_eq!(reply.documents[0].matches.len(), 9);
    assert!(reply.documents[0].matches.iter().all(|found| found.text.as_deref() == Some("stored")));
    assert_eq!(reply.results["store"]["shards_asked"], 3);
}
