//! Executors that read texts, split them into sentences and paragraphs, and embed them without a model.
//!
//! Encoders with models are in the ONNX crate. No executor here has knowledge of a language.

mod chunking;
mod features;
mod hashing;
mod hashing_encoder;
mod paragraph;
mod paragraph_segmenter;
mod punctuation;
mod sentence;
mod sentencizer;
mod text_reader;

use flowrun_sdk::{Build, ContentKind, ExecutorDescription, ExecutorType};

pub use hashing_encoder::TEXT_HASHING_ENCODER;

/// The executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[
    text_reader::TEXT_READER.with_description(describe),
    sentencizer::SENTENCIZER.with_description(describe),
    paragraph_segmenter::PARAGRAPH_SEGMENTER.with_description(describe),
    TEXT_HASHING_ENCODER,
];

/// Description of an executor that reads the text of every document.
fn describe(build: &Build) -> ExecutorDescription {
    ExecutorDescription::plain().with_needed_content(ContentKind::Text, build)
}
