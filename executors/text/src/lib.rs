//! Executors for texts: they read them, cut them into sentences and paragraphs, and make embeddings of them without a model.
//!
//! What is deliberately not here: encoders that need weights (the ONNX family), and any knowledge of a language.

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

pub use hashing_encoder::TYPE as TEXT_HASHING_ENCODER;

/// The executors of this family.
pub static EXECUTORS: &[ExecutorType] =
    &[text_reader::TYPE, sentencizer::TYPE, paragraph_segmenter::TYPE, hashing_encoder::TYPE];
