//! The ONNX family: executors that encode with a model that the user has, as an ONNX file.
//!
//! [`runtime`] is what computes: ONNX Runtime, which is looked for and loaded at run time, or else tract, which is
//! compiled in. [`session`] is a model that is open in it: what goes in and comes out is read from the file and held
//! against what an encoder wants before there is any document. Deliberately not here: pixels. Images are decoded and
//! scaled by whoever puts the catalogue together, as families do not see each other.

mod image;
pub mod runtime;
pub mod session;
mod text;
mod unit;

pub use image::{ImageInput, LookupTables, PreprocessImage, Preset, onnx_image_encoder};
pub use text::ONNX_TEXT_ENCODER;
