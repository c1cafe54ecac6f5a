//! The files in `tests/fixtures`, which `make.py` there wrote, and executors to try on them.

use std::path::PathBuf;

use flowrun_image::decode::still;
use flowrun_image::{EXECUTORS, Trained, image_torch_encoder, keras_image_encoder};
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    Build, BuildError, Context, Document, ExecutorType, Factory, Instance, ParameterField, Tensor, Value,
    guard,
};
use image::RgbImage;

/// Where a file of that name is.
pub(crate) fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/fixtures", name].iter().collect()
}

/// The bytes of a file.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    guard::read_file(&path(name), 1 << 20).unwrap()
}

/// A decoded file.
pub(crate) fn image(name: &str) -> RgbImage {
    still(&bytes(name)).unwrap()
}

/// In the place of what runs a network: it says what it was given.
struct Told;

impl Factory for Told {
    fn create(&self, build: &Build) -> Result<Instance, BuildError> {
        Err(BuildError::failed(serde_json::to_string(&build.with).unwrap()))
    }
}

impl Trained for Told {
    const ENCODER: ExecutorType = ExecutorType::from_factory("Told", "", NO_FIELDS, &Told);
}

const NO_FIELDS: &[ParameterField] = &[];

/// The executors of the family.
pub(crate) fn executors() -> Vec<ExecutorType> {
    [EXECUTORS, &[keras_image_encoder::<Told>(), image_torch_encoder::<Told>()]].concat()
}

/// An executor of the family by its name or alias.
pub(crate) fn bench(name: &str, with: &Value) -> ExecutorHarness {
    try_bench(name, with).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The same, or the message why it cannot be made.
pub(crate) fn try_bench(name: &str, with: &Value) -> Result<ExecutorHarness, String> {
    let kind =
        executors().into_iter().find(|kind| kind.name == name || kind.aliases.contains(&name)).unwrap();
    ExecutorHarness::new(&kind, with, Context::standalone(".")).map_err(|error| error.to_string())
}

/// Runs an executor on one document.
pub(crate) fn run(name: &str, with: &Value, document: Document) -> Result<Document, String> {
    let answer =
        bench(name, with).call("/index", vec![document], &Value::Null).map_err(|error| error.to_string())?;
    match answer.documents.into_vec().pop() {
        Some(document) => Ok(document),
        None => Err(answer.failures[0].error.to_string()),
    }
}

/// A document with one chunk, `doc#0`, of that image.
pub(crate) fn with_chunk(image: Tensor) -> Document {
    let mut document = Document::new("doc");
    let mut chunk = document.new_chunk(0);
    chunk.tensor = Some(image);
    document.chunks = vec![chunk].into();
    document
}

/// The largest difference of two rows of bytes of the same length.
pub(crate) fn difference(left: &[u8], right: &[u8]) -> u8 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| left.abs_diff(*right)).max().unwrap_or(0)
}

/// A clip of one white pixel a frame, of that size, over and over.
pub(crate) fn blank(width: u16, height: u16, frames: usize) -> Vec<u8> {
    blank_at(0, width, height, frames)
}

/// The same, with the pixel as far from the left as from the top.
pub(crate) fn blank_at(place: u16, width: u16, height: u16, frames: usize) -> Vec<u8> {
    let pair = |x: u16, y: u16| [x.to_le_bytes(), y.to_le_bytes()].concat();
    let head = [b"GIF89a", &pair(width, height)[..], b"\x80\0\0\xff\xff\xff\0\0\0"].concat();
    let frame = [b",", &pair(place, place)[..], b"\x01\0\x01\0\0\x02\x02\x44\x01\0"].concat();
    [head, frame.repeat(frames)].concat()
}
