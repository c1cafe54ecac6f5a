//! `OnnxTextEncoder`: an embedding of every text, by a model that the user has.
//!
//! The way of a call: every text is cut into tokens; texts of about one length go through the model together; what comes
//! out is pooled into a vector for each. Deliberately not here: languages, and training.

#[cfg(feature = "tokenizers")]
mod clip;
mod encoder;
mod model;
mod parameters;
mod pooling;
mod settings;
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
);

#[cfg(all(test, feature = "tokenizers"))]
mod tests;
