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

use flowrun_sdk::ExecutorType;

pub use hashing_encoder::TEXT_HASHING_ENCODER;

/// The executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[
    text_reader::TEXT_READER.with_plain_description(),
    sentencizer::SENTENCIZER.with_plain_description(),
    paragraph_segmenter::PARAGRAPH_SEGMENTER.with_plain_description(),
    TEXT_HASHING_ENCODER,
];
