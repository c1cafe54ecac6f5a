//! `OnnxTextEncoder`: embeds texts with an ONNX model.
//!
//! Texts are tokenised, batched by length, run through the model, and the token vectors are pooled to one vector per
//! text.

#[cfg(feature = "tokenizers")]
mod clip;
mod encoder;
mod model;
mod parameters;
mod pooling;
mod sentence_transformers;
mod signature;
#[cfg(feature = "tokenizers")]
mod tokenizer;
#[cfg(not(feature = "tokenizers"))]
#[path = "no_tokenizer.rs"]
mod tokenizer;
mod tokens;

use flowrun_sdk::ExecutorType;

/// `OnnxTextEncoder`.
pub const ONNX_TEXT_ENCODER: ExecutorType = ExecutorType::new::<parameters::OnnxTextEncoderParameters>(
    "OnnxTextEncoder",
    "Encodes every text with an ONNX model: cut into tokens, batched by length, pooled to one vector.",
    encoder::create,
)
.with_description(encoder::describe);

#[cfg(all(test, feature = "tokenizers"))]
mod fuzz;
#[cfg(test)]
mod tests;
