//! Which content is encoded by what, with towers that tell themselves apart.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use flowrun_clip::{Towers, clip_encoder};
use flowrun_sdk::testing::Bench;
use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Context, Document, Executor, ExecutorError, ExecutorType, Instance,
    Tensor, Value, parse,
};
use serde_json::json;

flowrun_sdk::parameters! {
    /// What towers have.
    struct TowerParameters {
        dimension: usize = 1,
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// A tower whose vectors begin with a number of its own and that of the content's bytes.
struct Tower(f32, TowerParameters);

impl Executor for Tower {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.each(&self.1.access_paths, |document| {
            let text = document.text.as_ref().map(|text| text.len());
            let bytes = text.or(document.blob.as_ref().map(|blob| blob.len())).unwrap_or(0);
            if bytes == 13 {
                return Err(ExecutorError::input("unlucky"));
            }
            let mut vector = vec![self.0, u16::try_from(bytes).unwrap().into()];
            vector.resize(self.1.dimension, 0.0);
            document.embedding = Some(Tensor::vector(vector));
            Ok(())
        })
    }
}

struct Told;

impl Towers for Told {
    const TEXT: ExecutorType = ExecutorType::new::<TowerParameters>("Text", "", |build| tower(1.0, build));
    const PICTURE: ExecutorType =
        ExecutorType::new::<TowerParameters>("Picture", "", |build| tower(2.0, build));
}

fn tower(number: f32, build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::thread(Tower(number, parse(build)?)))
}

fn open(with: &Value) -> Result<Bench, BuildError> {
    Bench::new(&clip_encoder::<Told>(), with, Context::alone("."))
}

fn begin(document: &Document) -> Option<Vec<f32>> {
    document.embedding.as_ref().map(|embedding| embedding.to_f32().unwrap()[..2].to_vec())
}

#[test]
fn texts_and_pictures_are_encoded_at_any_endpoint_and_what_has_no_content_stays() {
    let mut bench = open(&json!({})).unwrap();
    let tensor = Document { tensor: Tensor::from_u8(vec![1], vec![1]).ok(), ..Document::new("tensor") };
    let documents = vec![
        Document::new("text").with_text("abc").with_uri("data:,x"),
        Document::new("blob").with_text("").with_blob(vec![0; 5]),
        Document::new("uri").with_uri("a.png"),
        tensor,
        Document::new("nothing").with_tag("kept", 1),
    ];
    for endpoint in ["/", "/encode", "/encode/ViT-B-32", "/index", "/search"] {
        let answer = bench.call(endpoint, documents.clone(), &Value::Null).unwrap();
        let begins: Vec<_> = answer.documents.iter().map(begin).collect();
        let [text, blob, bare] = [[1.0, 3.0], [2.0, 5.0], [2.0, 0.0]].map(|begin| Some(begin.to_vec()));
        assert_eq!(begins, [text, blob, bare.clone(), bare, None], "{endpoint}");
        assert_eq!(answer.documents[0].embedding.as_ref().unwrap().shape(), [512]);
        assert_eq!(answer.documents[1].blob.as_ref().unwrap().len(), 5);
        assert_eq!(answer.documents[4], documents[4]);
    }
}

#[test]
fn pictures_are_dropped_behind_their_encoding_when_the_client_says_so() {
    let mut bench = open(&json!({})).unwrap();
    let both = Document::new("text").with_text("abc").with_blob(vec![1]);
    let documents = vec![both, Document::new("blob").with_uri("a.png").with_blob(vec![1])];
    let answer = bench.call("/encode", documents, &json!({"drop_image_content": true})).unwrap();
    let blobs: Vec<bool> = answer.documents.iter().map(|document| document.blob.is_some()).collect();
    assert_eq!((blobs, answer.documents[1].uri.as_str()), (vec![true, false], "a.png"));
}

#[test]
fn a_document_that_its_tower_refuses_fails_alone() {
    let mut bench = open(&json!({})).unwrap();
    let documents = vec![Document::new("a").with_text("x".repeat(13)), Document::new("b").with_text("x")];
    let answer = bench.call("/encode", documents, &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "b"));
    assert_eq!((answer.failures[0].id.as_str(), answer.failures[0].error.message()), ("a", "unlucky"));
}

#[test]
fn the_parts_that_access_paths_name_are_encoded() {
    let mut bench = open(&json!({"traversal_paths": "@c"})).unwrap();
    let chunk = Document::new("c").with_text("x");
    let root = Document { chunks: [chunk].into_iter().collect(), ..Document::new("r").with_text("y") };
    let answer = bench.call("/encode", vec![root.clone()], &Value::Null).unwrap();
    assert_eq!(
        (begin(&answer.documents[0]), begin(&answer.documents[0].chunks[0])),
        (None, Some(vec![1.0, 1.0]))
    );
    let answer = bench.call("/encode", vec![root], &json!({"access_paths": "@r"})).unwrap();
    assert_eq!(
        (begin(&answer.documents[0]), begin(&answer.documents[0].chunks[0])),
        (Some(vec![1.0, 1.0]), None)
    );
}

#[test]
fn rank_puts_the_matches_in_order_and_one_without_content_fails_its_document_alone() {
    let mut bench = open(&json!({"dimension": 8})).unwrap();
    let query = |id: &str, candidates: &[&str]| Document {
        matches: candidates.iter().map(|text| Document::new(*text).with_text(*text)).collect(),
        ..Document::new(id).with_text("four")
    };
    for endpoint in ["/rank", "/rank/ViT-B-32"] {
        let documents = vec![query("a", &["1", "four", "six..."]), query("b", &["four", ""])];
        let answer = bench.call(endpoint, documents, &Value::Null).unwrap();
        let ids: Vec<&str> = answer.documents[0].matches.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(ids, ["four", "six...", "1"]);
        assert!((answer.documents[0].matches[0].scores["clip_score_cosine"].value - 1.0).abs() < 1e-6);
        assert_eq!((answer.documents.len(), answer.failures[0].id.as_str()), (1, "b"));
    }
}

#[test]
fn a_model_is_refused_as_long_as_none_can_be_run() {
    let refused = |with: Value| open(&with).err().unwrap().to_string();
    assert!(refused(json!({"model_path": "clip"})).contains("not available"));
    assert!(refused(json!({"name": "GPT"})).contains("`GPT` is no model of CLIP: set `dimension`"));
    assert!(open(&json!({"name": "GPT", "dimension": 8})).is_ok());
}
