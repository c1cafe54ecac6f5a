//! `CLIPEncoder` with test towers, whose vectors identify the tower.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads only files that it wrote"
)]

use std::path::PathBuf;

use flowrun_clip::{Towers, clip_encoder};
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Context, Document, Executor, ExecutorError, ExecutorType, Instance,
    ModelState, Tensor, Value, parse_parameters,
};
use serde_json::json;

flowrun_sdk::parameters! {
    /// Parameters of a tower without a model.
    struct TowerParameters {
        dimension: usize = 1,
        exif: bool = true,
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// A tower whose vectors begin with its own number and the number of bytes of the content. It rejects contents of 13 bytes.
struct Tower(f32, TowerParameters);

impl Executor for Tower {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.for_each(&self.1.access_paths, |document| {
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

flowrun_sdk::parameters! {
    /// Parameters of a tower with a model.
    struct ModelParameters {
        model_path: PathBuf,
        preset: String,
        device: String,
        minibatch_size: usize,
        num_worker_preprocess: Option<usize> = None,
        exif: bool = true,
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

struct TestTowers;

impl Towers for TestTowers {
    const TEXT_STAND_IN: ExecutorType =
        ExecutorType::new::<TowerParameters>("Text", "", |build| tower(1.0, build));
    const IMAGE_STAND_IN: ExecutorType =
        ExecutorType::new::<TowerParameters>("Image", "", |build| tower(2.0, build));
    const TEXT_MODEL: ExecutorType =
        ExecutorType::new::<ModelParameters>("TextModel", "", |build| model_tower(3.0, build));
    const IMAGE_MODEL: ExecutorType =
        ExecutorType::new::<ModelParameters>("ImageModel", "", |build| model_tower(4.0, build));
}

fn tower(number: f32, build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Tower(number, parse_parameters(build)?)))
}

/// A tower with a model, whose file contains the dimension of its vectors.
fn model_tower(number: f32, build: &Build) -> Result<Instance, BuildError> {
    let with: ModelParameters = parse_parameters(build)?;
    let dimension =
        std::fs::read_to_string(build.context.resolve(&with.model_path)).unwrap().parse().unwrap();
    let received =
        (with.preset.as_str(), with.device.as_str(), with.minibatch_size, with.num_worker_preprocess);
    if received != ("clip", "cpu", 32, None) {
        return Err(BuildError::failed(format_args!("{received:?}")));
    }
    let tower =
        Tower(number, TowerParameters { dimension, exif: with.exif, access_paths: with.access_paths });
    Ok(Instance::new(tower).with_output_dimension(Some(dimension)))
}

fn open(with: &Value) -> Result<ExecutorHarness, BuildError> {
    ExecutorHarness::new(&clip_encoder::<TestTowers>(), with, Context::standalone("."))
}

/// The first two numbers of a document's embedding: the tower and the number of bytes.
fn first_numbers(document: &Document) -> Option<Vec<f32>> {
    document.embedding.as_ref().map(|embedding| embedding.to_f32().unwrap()[..2].to_vec())
}

#[test]
fn texts_and_images_are_encoded_at_any_endpoint_and_empty_documents_pass_unchanged() {
    let mut bench = open(&json!({"stand_in": true})).unwrap();
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
        let found: Vec<_> = answer.documents.iter().map(first_numbers).collect();
        let [text, blob, bare] = [[1.0, 3.0], [2.0, 5.0], [2.0, 0.0]].map(|numbers| Some(numbers.to_vec()));
        assert_eq!(found, [text, blob, bare.clone(), bare, None], "{endpoint}");
        assert_eq!(answer.documents[0].embedding.as_ref().unwrap().shape(), [512]);
        assert_eq!(answer.documents[1].blob.as_ref().unwrap().len(), 5);
        assert_eq!(answer.documents[4], documents[4]);
    }
}

#[test]
fn image_content_is_dropped_after_encoding_on_request() {
    let mut bench = open(&json!({"stand_in": true})).unwrap();
    let both = Document::new("text").with_text("abc").with_blob(vec![1]);
    let documents = vec![both, Document::new("blob").with_uri("a.png").with_blob(vec![1])];
    let answer = bench.call("/encode", documents, &json!({"drop_image_content": true})).unwrap();
    let blobs: Vec<bool> = answer.documents.iter().map(|document| document.blob.is_some()).collect();
    assert_eq!((blobs, answer.documents[1].uri.as_str()), (vec![true, false], "a.png"));
}

#[test]
fn a_document_that_its_tower_rejects_fails_alone() {
    let mut bench = open(&json!({"stand_in": true})).unwrap();
    let documents = vec![Document::new("a").with_text("x".repeat(13)), Document::new("b").with_text("x")];
    let answer = bench.call("/encode", documents, &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "b"));
    assert_eq!((answer.failures[0].id.as_str(), answer.failures[0].error.message()), ("a", "unlucky"));
}

#[test]
fn access_paths_select_the_encoded_documents() {
    let mut bench = open(&json!({"stand_in": true, "traversal_paths": "@c"})).unwrap();
    let chunk = Document::new("c").with_text("x");
    let root = Document { chunks: [chunk].into_iter().collect(), ..Document::new("r").with_text("y") };
    let answer = bench.call("/encode", vec![root.clone()], &Value::Null).unwrap();
    assert_eq!(
        (first_numbers(&answer.documents[0]), first_numbers(&answer.documents[0].chunks[0])),
        (None, Some(vec![1.0, 1.0]))
    );
    let answer = bench.call("/encode", vec![root], &json!({"access_paths": "@r"})).unwrap();
    assert_eq!(
        (first_numbers(&answer.documents[0]), first_numbers(&answer.documents[0].chunks[0])),
        (Some(vec![1.0, 1.0]), None)
    );
}

#[test]
fn rank_orders_matches_and_fails_documents_with_empty_matches_alone() {
    let mut bench = open(&json!({"stand_in": true, "dimension": 8})).unwrap();
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
fn the_towers_run_the_two_files_of_a_model() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap().to_owned();
    let write = |name: &str, dimension: &str| std::fs::write(directory.path().join(name), dimension).unwrap();
    let error = |with: Value| open(&with).err().unwrap().to_string();
    let missing = error(json!({"model_path": path}));
    assert!(missing.contains("contains neither `visual.onnx` nor `vision_model.onnx`"), "{missing}");
    write("visual.onnx", "8");
    write("text_model.onnx", "8");
    let mut bench = open(&json!({"model_path": path})).unwrap();
    let documents = vec![Document::new("a").with_blob(vec![0; 5]), Document::new("b").with_text("abc")];
    let answer = bench.call("/encode", documents, &Value::Null).unwrap();
    let found: Vec<_> = answer.documents.iter().map(|document| first_numbers(document).unwrap()).collect();
    assert_eq!(found, [[4.0, 5.0], [3.0, 3.0]]);
    assert!(
        error(json!({"model_path": path, "dimension": 9}))
            .contains("the model's embeddings have dimension 8")
    );
    assert!(error(json!({"model_path": path, "dtype": "fp16"})).contains("`visual_fp16.onnx`"));
    assert!(
        error(json!({"model_path": path, "device": "cuda:0", "num_worker_preprocess": 2}))
            .contains("(\"clip\", \"cuda\", 32, Some(2))")
    );
    write("text_model.onnx", "9");
    assert!(error(json!({"model_path": path})).contains("the files belong to different models"));
}

#[test]
fn without_a_model_its_name_determines_the_dimension() {
    let error = |with: Value| open(&with).err().unwrap().to_string();
    let unknown = error(json!({"name": "GPT", "stand_in": true}));
    assert!(unknown.contains("`GPT` is not a known CLIP model; set `dimension`"), "{unknown}");
    assert!(open(&json!({"name": "GPT", "stand_in": true, "dimension": 8})).is_ok());
}

#[test]
fn an_encoder_without_a_model_is_an_error_unless_a_stand_in_is_requested() {
    let state = |with: Value| {
        let Value::Object(with) = with else { panic!("{with}") };
        let build = Build { with, context: Context::standalone(".") };
        clip_encoder::<TestTowers>().describe(&build).model
    };
    let error = open(&json!({"name": "no-such-model"})).err().unwrap().to_string();
    assert!(error.contains("`no-such-model` is not installed"), "{error}");
    assert!(matches!(state(json!({"name": "no-such-model"})), ModelState::Missing(_)));
    assert!(matches!(state(json!({"model_path": "nowhere", "stand_in": true})), ModelState::Missing(_)));
    assert_eq!(state(json!({"stand_in": true})), ModelState::StandIn);
}

#[test]
fn a_relative_model_path_starts_at_the_directory_of_the_flow() {
    let directory = tempfile::tempdir_in(".").unwrap();
    for name in ["visual.onnx", "textual.onnx"] {
        std::fs::write(directory.path().join(name), "8").unwrap();
    }
    let relative = PathBuf::from(directory.path().file_name().unwrap());
    let context = Context { directory: relative, ..Context::standalone(".") };
    let opened = ExecutorHarness::new(&clip_encoder::<TestTowers>(), &json!({"model_path": "."}), context);
    assert!(opened.is_ok(), "{:?}", opened.err());
}
