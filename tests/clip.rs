//! The CLIP search flow of CLIP-as-service runs as published: five shards, with the polling of each endpoint.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use flowrun::runtime::Flow;
use flowrun::yaml::Environment;
use flowrun_sdk::{Document, Tensor};
use serde_json::json;

use crate::serving::Serving;
use crate::support::program::{command, directory, text as text_of};
use crate::support::{call, ids, plan, scratch, start};

/// The published flow, with its workspace in `directory`.
async fn clip_search(directory: &Path) -> Flow {
    let yaml = std::fs::read_to_string("flows/clip/search.yml").unwrap();
    start(&plan(&yaml, directory, &Environment::default())).await
}

fn text(id: &str, text: &str) -> Document {
    Document::new(id).with_text(text).with_tag("words", text.split(' ').count())
}

/// An image of one colour.
fn picture(id: &str, colour: [u8; 3]) -> Document {
    let tensor = Tensor::from_u8(vec![8, 8, 3], colour.repeat(64)).ok();
    Document { tensor, ..Document::new(id) }
}

fn stored() -> Vec<Document> {
    let mut documents = vec![
        text("smile", "she has a broad smile"),
        text("rain", "rain over the harbour at night"),
        picture("red", [250, 10, 10]),
        picture("blue", [10, 10, 250]),
    ];
    documents
        .extend((0..20).map(|number| text(&format!("filler {number}"), &format!("page {number} of a book"))));
    documents
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_find_indexed_texts_and_images_find_indexed_images() {
    let directory = scratch();
    let flow = clip_search(directory.path()).await;
    let indexed = call(&flow, "/index", stored(), json!({"drop_image_content": true})).await;
    assert!(indexed.documents.iter().all(|document| document.embedding.as_ref().unwrap().shape() == [512]));
    let queries = vec![text("q", "smile"), picture("p", [240, 20, 20])];
    let found = call(&flow, "/search", queries, json!({"limit": 3})).await;
    for (query, expected) in found.documents.iter().zip(["smile", "red"]) {
        assert_eq!((query.matches.len(), query.matches[0].id.as_str()), (3, expected));
        let distances: Vec<f32> = query.matches.iter().map(|found| found.scores["cosine"].value).collect();
        assert!(distances.is_sorted(), "{distances:?}");
    }
    flow.drain(Duration::from_secs(9)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_is_in_exactly_one_shard() {
    let directory = scratch();
    let flow = clip_search(directory.path()).await;
    call(&flow, "/index", stored(), json!({})).await;
    // Every shard receives an update; the shard of the document applies it, and no shard inserts an unknown document.
    call(&flow, "/update", vec![text("rain", "a sunny morning"), text("new", "not in the index")], json!({}))
        .await;
    call(&flow, "/delete", vec![], json!({"ids": ["smile", "unknown"]})).await;
    let all = call(&flow, "/filter", vec![], json!({"limit": 100})).await;
    let expected: BTreeSet<String> =
        stored().into_iter().map(|document| document.id).filter(|id| id != "smile").collect();
    assert_eq!(all.documents.len(), expected.len());
    assert_eq!(all.documents.iter().map(|document| document.id.clone()).collect::<BTreeSet<_>>(), expected);

    let three = json!({"filter": {"words": {"$lte": 3}}});
    let filtered = call(&flow, "/search", vec![text("q", "page 7")], three.clone()).await;
    assert_eq!(ids(&filtered.documents[0].matches), ["rain"]);
    assert_eq!(ids(&call(&flow, "/filter", vec![], three).await.documents), ["rain"]);
    let backed_up = call(&flow, "/backup", vec![], json!({})).await;
    assert!(backed_up.documents.is_empty());
    call(&flow, "/clear", vec![], json!({})).await;
    assert!(call(&flow, "/filter", vec![], json!({})).await.documents.is_empty());
    call(&flow, "/restore", vec![], json!({})).await;
    let restored = call(&flow, "/filter", vec![], json!({"limit": 100})).await;
    assert_eq!(restored.documents.len(), expected.len());
    flow.drain(Duration::from_secs(9)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_are_ranked_by_similarity_to_their_document() {
    let directory = scratch();
    let flow = clip_search(directory.path()).await;
    let candidates = [text("far", "rain at night"), text("near", "a smile")];
    let query = Document { matches: candidates.into_iter().collect(), ..text("q", "smile") };
    let ranked = call(&flow, "/rank", vec![query], json!({})).await;
    assert_eq!(ids(&ranked.documents[0].matches), ["near", "far"]);
    flow.drain(Duration::from_secs(9)).await;
}

#[test]
fn an_encoder_without_a_model_does_not_start_unless_a_stand_in_is_requested() {
    let directory = directory("jtype: Flow\nexecutors: [{name: clip, uses: CLIPEncoder}]\n");
    std::fs::write(directory.path().join("one.jsonl"), "{\"text\": \"a beach\"}\n").unwrap();
    let run = |arguments: &[&str]| {
        let mut command = command(directory.path(), arguments);
        let output = command.env("XDG_CACHE_HOME", directory.path().join("cache")).output().unwrap();
        (output.status.code(), [text_of(&output.stdout), text_of(&output.stderr)].concat())
    };
    let job = ["flow.yml", "-i", "one.jsonl", "-e", "/encode", "-o", "-"];
    for arguments in [&["check", "flow.yml"][..], &job] {
        let (code, output) = run(arguments);
        assert_eq!(code, Some(2), "{output}");
        assert!(output.contains("error[F407]: `CLIPEncoder` has no model"), "{output}");
        assert!(output.contains("cache/flowrun/models/ViT-B-32-openai"), "{output}");
        assert!(output.contains("`--stand-in`"), "{output}");
    }
    let (code, output) = run(&["check", "flow.yml", "--stand-in"]);
    assert!(code == Some(0) && output.contains("note[F408]"), "{output}");
    let (code, output) = run(&[&job[..], &["--stand-in"]].concat());
    assert!(code == Some(0) && output.contains("\"embedding\":["), "{output}");
    assert_eq!(run(&["graph", "flow.yml"]).0, Some(0), "a flow without models can be drawn");
    // The model by its name, in the directory that the message names. `check` does not open it.
    let model = directory.path().join("cache/flowrun/models/ViT-B-32-openai");
    std::fs::create_dir_all(&model).unwrap();
    for name in ["visual.onnx", "textual.onnx"] {
        std::fs::write(model.join(name), "model").unwrap();
    }
    let (code, output) = run(&["check", "flow.yml"]);
    assert!(code == Some(0) && !output.contains("F40"), "{output}");
}

#[test]
fn the_description_of_the_flow_for_the_search_page_marks_stand_ins() {
    let directory = directory("jtype: Flow\nwith: {port: 0}\nexecutors: [{name: clip, uses: CLIPEncoder}]\n");
    let serving = Serving::start(directory.path(), &["serve", "flow.yml", "--stand-in"]);
    assert!(serving.get(0, "/flow.json").contains("\"stand_in\":true"));
}
