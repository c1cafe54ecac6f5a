//! Flow files of Jina's examples run unmodified and return the same results as Jina.
//!
//! `tests/seeds` contains tumblr-gif-search and flower-search as published; `tests/oracles` contains the recorded results of
//! Jina 0.1.14. The recorded run replaced MobileNetV2 by a stub: the mean colour of each quadrant of a frame.

use std::path::{Path, PathBuf};

use flowrun::diagnostic::{Format, Policy, Report, Sources, render};
use flowrun::runtime::{Flow, Request, launch};
use flowrun::yaml::Environment;
use flowrun_sdk::{
    Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType, Instance, Tensor,
};
use serde_json::Value;

use crate::support::{catalog, reply};

flowrun_sdk::parameters! {
    /// Parameters of the encoder that the stub replaces.
    struct StubParameters {
        model_name: Option<String> = None,
        pool_strategy: Option<String> = None,
    }
}

/// The stub encoder of the recorded run.
const STUB: ExecutorType =
    ExecutorType::new::<StubParameters>("KerasImageEncoder", "Mean colour by quadrant.", create);

struct Stub;

fn create(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Stub))
}

impl Executor for Stub {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.for_each(&"@c".parse().unwrap(), |frame| {
            let tensor = frame.tensor.as_ref().ok_or_else(|| ExecutorError::input("no pixels"))?;
            frame.embedding = Some(Tensor::vector(quadrants(&tensor.to_f32()?)));
            Ok(())
        })
    }
}

/// Mean colour of each quadrant of a 96 × 96 RGB image.
fn quadrants(pixels: &[f32]) -> Vec<f32> {
    let mut sums = [0.0_f64; 12];
    for (position, value) in pixels.iter().enumerate() {
        let (row, column, channel) = (position / (96 * 3), position / 3 % 96, position % 3);
        sums[(row / 48 * 2 + column / 48) * 3 + channel] += f64::from(*value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an embedding has single precision")]
    sums.iter().map(|sum| (sum / (48.0 * 48.0)) as f32).collect()
}

async fn launch_seed(flow: &str, environment: &Environment, lenient: bool) -> Flow {
    // The encoders of the published flows have no ONNX files.
    let mut catalog = catalog().with_stand_ins(true);
    if flow.starts_with("tumblr") {
        catalog.add(STUB);
    }
    let policy = Policy { lenient, inspect: false };
    let (mut sources, mut report) = (Sources::default(), Report::new(policy));
    let path = Path::new("tests/seeds").join(flow);
    let read = flowrun::read(&path, environment, &catalog, &mut sources, &mut report);
    let diagnostics = render(&report, &sources, Format::Human, false);
    assert!(!report.has_errors(), "{diagnostics}");
    let launched = launch(&read.unwrap().1, &catalog, &mut report).await;
    launched.unwrap_or_else(|| panic!("{}", render(&report, &sources, Format::Human, false)))
}

/// Sends files to a flow, two per request. Returns the documents of the replies.
async fn send(flow: &Flow, endpoint: &str, files: &[PathBuf], top_k: u64) -> Vec<Document> {
    let mut documents = Vec::new();
    for files in files.chunks(2) {
        let document = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Document::new(name).with_uri(path.to_string_lossy())
        };
        let parameters = [("top_k".to_owned(), Value::from(top_k))].into_iter().collect();
        let endpoint = endpoint.to_owned();
        let request = Request {
            documents: files.iter().map(document).collect(),
            endpoint,
            parameters,
            ..Request::default()
        };
        let response = reply(flow.submit(request).await.unwrap().outcome().await);
        assert_eq!(response.failures, []);
        documents.extend(response.documents);
    }
    documents
}

fn gifs() -> Vec<PathBuf> {
    (0..6).map(|number| Path::new("tests/oracles/gifs").join(format!("g{number}.gif"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tumblr_gif_search_returns_the_results_of_jina() {
    let oracle = std::fs::read_to_string("tests/oracles/tumblr_e2e_jina0.1.14.json").unwrap();
    let oracle: Value = serde_json::from_str(&oracle).unwrap();
    for (replicas, shards) in [("2", "2"), ("1", "1"), ("3", "4")] {
        let workspace = tempfile::tempdir().unwrap();
        let workspace = workspace.path().to_str().unwrap();
        let environment = Environment::from_variables([
            ("REPLICAS", replicas),
            ("SHARDS", shards),
            ("TEST_WORKDIR", workspace),
        ]);
        let index = launch_seed("tumblr-gif-search/flow-index.yml", &environment, false).await;
        send(&index, "/index", &gifs(), 100).await;
        assert!(index.drain(flowrun::limits::DRAIN_TIMEOUT).await.completed());
        let query = launch_seed("tumblr-gif-search/flow-query.yml", &environment, false).await;
        let answers = send(&query, "/search", &gifs(), 100).await;
        for (answer, expected) in answers.iter().zip(oracle["results"].as_array().unwrap()) {
            assert_eq!(answer.id, expected["q"].as_str().unwrap());
            let expected = expected["res"].as_array().unwrap();
            assert_eq!(answer.matches.len(), expected.len());
            for (found, expected) in answer.matches.iter().zip(expected) {
                let score = f64::from(found.score().unwrap().value);
                assert_eq!(found.id, expected[0].as_str().unwrap(), "for {}", answer.id);
                assert!(
                    (score - expected[2].as_f64().unwrap()).abs() < 1e-5,
                    "{} for {}: {score}",
                    found.id,
                    answer.id
                );
                assert!(found.uri.ends_with(&found.id), "the stored fields are filled in");
            }
        }
        assert_eq!(answers.len(), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flower_search_finds_an_image_by_itself_and_by_its_mirror_image() {
    let workspace = tempfile::tempdir().unwrap();
    let workspace_path = workspace.path().to_str().unwrap();
    let environment = Environment::from_variables([
        ("REPLICAS", "2"),
        ("SHARDS", "1"),
        ("COLOR_CHANNEL_AXIS", "0"),
        ("TMP_WORKSPACE", workspace_path),
    ]);
    let files = write_images(workspace.path());
    let index = launch_seed("flower-search/flow-index.yml", &environment, true).await;
    send(&index, "/index", &files, 5).await;
    assert!(index.drain(flowrun::limits::DRAIN_TIMEOUT).await.completed());
    let query = launch_seed("flower-search/flow-query.yml", &environment, true).await;
    for answer in send(&query, "/search", &files, 5).await {
        let best = &answer.matches[0];
        assert_eq!(best.id, answer.id);
        // An image and its mirror image are two chunks of both documents. All chunks match at distance 0, which scores 1;
        // Jina counts chunks twice and scores 2.
        assert!((best.score().unwrap().value - 1.0).abs() < 1e-6, "{best:?}");
    }
}

/// Writes images without symmetry.
fn write_images(directory: &Path) -> Vec<PathBuf> {
    let image = |number: u32| {
        let path = directory.join(format!("image{number}.png"));
        let pixel = |x: u32, y: u32| {
            image::Rgb([(x * 3 + number * 40) as u8, (y * 2) as u8, (x * y / (number + 7)) as u8])
        };
        image::RgbImage::from_fn(90, 70, pixel).save(&path).unwrap();
        path
    };
    (0..5).map(image).collect()
}
