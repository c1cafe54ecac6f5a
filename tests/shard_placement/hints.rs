//! Hints in queries: the shards that are asked for them, and the results, which equal those of all shards.

use std::path::Path;

use flowrun::runtime::{Flow, Response};
use flowrun::yaml::Environment;
use flowrun_sdk::Document;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::support::{call, plan, scratch, start};

const SHARDS: u64 = 16;

/// Queries by time in videos of 80 minutes, with five minutes of all videos in each shard.
const QUERIES: [&str; 20] = [
    "a red flower between 5 and 9 minutes",
    "after 1:16:00",
    "a door opens in the first 30 seconds",
    "at minute 12",
    "from 20:10 to 22:30",
    "before 4:00 at night",
    "around 47:30 not at night",
    "a sunset between 1 hour and 1 hour 4 minutes",
    "in the first two minutes in daylight",
    "after 75 minutes 30 seconds",
    "people dancing at 33:20",
    "later than 1:10:00",
    "from minute 61 to minute 64",
    "between 0:10 and 0:50 or at 8:00",
    "scene 3 before 10 minutes",
    "a boat, after 77 minutes, at night",
    "somewhere around the 42 minute mark",
    "earlier than 2:15",
    "between 31:00 and 34:59 without night shots",
    "the opening 45 seconds by day",
];

async fn flow(directory: &Path, polling: &str, read_only: bool) -> Flow {
    let yaml = format!(
        "jtype: Flow\nwith: {{workspace: index}}\nexecutors:\n- name: hints\n  uses: QueryHints\n- name: index\n  \
         uses: VectorIndexer\n  uses_with: {{fsync: never, filter_tag: filter}}\n  shards: {SHARDS}\n  \
         strategy: {{time: {{tag: timestamp, span: 300}}}}\n  polling: {polling}\n  \
         read_only: {read_only}\n"
    );
    start(&plan(&yaml, directory, &Environment::default())).await
}

/// Frames of ten videos, one each ten seconds.
fn frames(random: &mut ChaCha8Rng) -> Vec<Document> {
    let mut frames = Vec::new();
    for (video, time) in (0..10).flat_map(|video| (0..480).map(move |number| (video, 10 * number))) {
        let vector: Vec<f32> = (0..8).map(|_| random.random_range(-1.0..1.0)).collect();
        let frame =
            Document::new(format!("{video}/{time}")).with_embedding(vector).with_tag("video_id", video);
        let time_of_day = if random.random_bool(0.4) { "night" } else { "day" };
        frames.push(
            frame
                .with_tag("timestamp", time)
                .with_tag("scene_number", time / 120)
                .with_tag("time_of_day", time_of_day),
        );
    }
    frames
}

fn queries(random: &mut ChaCha8Rng) -> Vec<Document> {
    let mut query = |(number, text): (usize, &&str)| {
        let vector: Vec<f32> = (0..8).map(|_| random.random_range(-1.0..1.0)).collect();
        Document::new(format!("q{number}")).with_text(*text).with_embedding(vector)
    };
    QUERIES.iter().enumerate().map(&mut query).collect()
}

fn matches(response: &Response) -> Vec<Vec<(String, f32)>> {
    let matches = |document: &Document| {
        document.matches.iter().map(|found| (found.id.clone(), found.score().unwrap().value)).collect()
    };
    response.documents.iter().map(matches).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hinted_queries_ask_a_fifth_of_the_shards_and_find_what_all_find() {
    let directory = scratch();
    let mut random = ChaCha8Rng::seed_from_u64(21);
    let (frames, queries) = (frames(&mut random), queries(&mut random));
    let relevant = flow(directory.path(), "relevant", false).await;
    for batch in frames.chunks(500) {
        call(&relevant, "/index", batch.to_vec(), json!({})).await;
    }
    let (mut asked, mut found) = (Vec::new(), Vec::new());
    for query in &queries {
        let response = call(&relevant, "/search", vec![query.clone()], json!({})).await;
        assert!(response.documents[0].tags.contains_key("hints"), "{query:?}");
        asked.push(response.results["index"]["shards_asked"].as_u64().unwrap());
        found.extend(matches(&response));
    }
    // Several documents are searched with the filter of each, and in the shards of any.
    let together = call(&relevant, "/search", queries.clone(), json!({})).await;
    assert_eq!(matches(&together), found);
    let all = flow(directory.path(), "any", true).await;
    let expected = matches(&call(&all, "/search", queries, json!({})).await);
    assert!(expected.iter().all(|matches| matches.len() == 10));
    assert_eq!(found, expected);
    let sum: u64 = asked.iter().sum();
    println!("shards asked of {SHARDS}: {asked:?}");
    assert!(sum * 5 <= SHARDS * asked.len() as u64, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_without_results_is_dropped_for_all_shards_together() {
    let directory = scratch();
    let mut random = ChaCha8Rng::seed_from_u64(22);
    let flow = flow(directory.path(), "any", false).await;
    for batch in frames(&mut random).chunks(500) {
        call(&flow, "/index", batch.to_vec(), json!({})).await;
    }
    let query = |id: &str, text: &str| Document::new(id).with_text(text).with_embedding(vec![1.0; 8]);
    // Scene 3 is in two shards, and red nowhere: no shard may answer with other scenes.
    let answer =
        call(&flow, "/search", vec![query("a", "scene 3, mostly red"), query("b", "scene 999")], json!({}))
            .await;
    let scenes = |number: usize| {
        answer.documents[number].matches.iter().map(|found| found.tags["scene_number"].as_f64())
    };
    assert!(scenes(0).count() == 10 && scenes(0).all(|scene| scene == Some(3.0)));
    let relaxed = |number: usize| answer.documents[number].tags["relaxed"]["without"].clone();
    assert_eq!((relaxed(0), relaxed(1)), (json!(["colours == \"red\""]), json!(["scene_number == 999"])));
    let plain = call(&flow, "/search", vec![query("b", "")], json!({})).await;
    assert_eq!(answer.documents[1].matches, plain.documents[0].matches);
}
