//! Tests of the image executors through their public interface.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cases;
mod catalog;
mod clips;
mod composition;
mod crop;
mod decode;
mod describe;
mod fixtures;
mod flip;
mod gif_name_raw_split;
mod gif_segmenter;
mod hostile;
mod image_reader;
mod model_encoders;
mod resize;
mod scale;
mod scene_tagger;
