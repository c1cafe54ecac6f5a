//! Executors that encode texts and images with ONNX models of the user.
//!
//! [`runtime`] selects the inference backend: ONNX Runtime, which is loaded at run time, or tract, which is compiled
//! in. [`session`] opens a model in it; the model's inputs and outputs are checked against the encoder before any
//! document is processed. Images are decoded and scaled outside of this crate: the program supplies a
//! [`PreprocessImage`], because executor crates depend on the SDK alone.

mod image;
pub mod runtime;
pub mod session;
mod text;
mod unit;

pub use image::{ImageInput, LookupTables, PreprocessImage, Preset, onnx_image_encoder};
pub use text::ONNX_TEXT_ENCODER;
