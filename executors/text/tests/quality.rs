//! Quality of `TextHashingEncoder`: texts about the same topic are close to each other.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Catalog, Context, Document, Value};
use flowrun_text::EXECUTORS;
use serde_json::json;

/// Topics, each in three wordings.
const TOPICS: [[&str; 3]; 12] = [
    [
        "A cat is sleeping on the sofa in the living room",
        "The sleepy cat lies on a soft sofa",
        "On the couch in our living room a small cat has fallen asleep",
    ],
    [
        "The train to the airport was delayed by heavy snow",
        "Because of the snow all trains to the airport are late",
        "Heavy snowfall stopped the airport train for an hour",
    ],
    [
        "Mix flour, sugar and butter to make the dough for the cookies",
        "For cookie dough you need butter, flour and a little sugar",
        "Knead the buttery dough and bake the cookies for ten minutes",
    ],
    [
        "The football team won the match in the last minute",
        "A goal in the final minute decided the football match",
        "Footballers celebrated after winning their last match",
    ],
    [
        "Photosynthesis lets plants turn sunlight into sugar",
        "Plants use sunlight for photosynthesis in their leaves",
        "In green leaves, light is turned into energy by photosynthesis",
    ],
    [
        "The central bank raised its interest rate to fight inflation",
        "Interest rates went up again as the bank tries to slow inflation",
        "Higher inflation forces banks to increase interest rates",
    ],
    [
        "She plays the violin in the city orchestra",
        "The orchestra is looking for a young violinist",
        "A violin concerto was performed by the city's orchestra last night",
    ],
    [
        "The telescope found water vapour on a distant planet",
        "Astronomers discovered a far planet with a new space telescope",
        "Through the telescope one can see the rings of the planet Saturn",
    ],
    [
        "Wear a helmet when you ride your bicycle in traffic",
        "Bicycle riders without helmets are hurt more often",
        "A good bike helmet protects cyclists in heavy traffic",
    ],
    [
        "The doctor prescribed antibiotics against the infection",
        "Antibiotics help against bacterial infections only, doctors say",
        "Her infection got better after the doctor gave her an antibiotic",
    ],
    [
        "The program crashed because of a null pointer",
        "A null pointer dereference makes the programme crash",
        "Programmers look for the pointer bug that crashes their program",
    ],
    [
        "Volcanic ash covered the village after the eruption",
        "The volcano erupted and buried villages under ash",
        "Ash from the erupting volcano darkened the sky",
    ],
];

/// Share of texts whose nearest other text is about the same topic.
fn share_of_nearest_neighbours(with: &Value) -> f64 {
    let catalog = Catalog::new([EXECUTORS]);
    let kind = catalog.get("TextHashingEncoder").unwrap();
    let mut bench = ExecutorHarness::new(kind, with, Context::standalone(".")).unwrap();
    let documents = TOPICS.as_flattened().iter().map(|text| Document::new(*text).with_text(*text)).collect();
    let answer = bench.call("/index", documents, &Value::Null).unwrap();
    let vectors: Vec<Vec<f32>> = answer
        .documents
        .iter()
        .map(|document| document.embedding.as_ref().unwrap().to_f32().unwrap().into_owned())
        .collect();
    // Vectors have Euclidean norm 1, so the inner product is the cosine.
    let cosine =
        |left: &[f32], right: &[f32]| left.iter().zip(right).map(|(left, right)| left * right).sum::<f32>();
    let nearest = |(position, vector): (usize, &Vec<f32>)| {
        let others = vectors.iter().enumerate().filter(|(other, _)| *other != position);
        let similarity = |other: &(usize, &Vec<f32>)| cosine(vector, other.1);
        let nearest = others.max_by(|left, right| similarity(left).total_cmp(&similarity(right)));
        (position, nearest.unwrap().0)
    };
    let pairs = vectors.iter().enumerate().map(nearest);
    let right = pairs.filter(|(position, nearest)| position / 3 == nearest / 3).count();
    right as f64 / vectors.len() as f64
}

#[test]
fn the_nearest_text_is_mostly_about_the_same_topic() {
    let share = share_of_nearest_neighbours(&Value::Null);
    assert!(share >= 0.8, "{share}");
}

#[test]
fn more_dimensions_improve_quality() {
    let share = |dimension: usize| share_of_nearest_neighbours(&json!({"dimension": dimension}));
    let [few, some, many] = [8, 32, 512].map(share);
    assert!(few < some && some < many, "{few}, {some}, {many}");
}
