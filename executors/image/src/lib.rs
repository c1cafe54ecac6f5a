//! The image family: executors that read, cut, scale and describe images and clips.
//!
//! The way of an image: [`decode`] turns untrusted bytes into pixels; a segmenter (`ImageReader`, `GifSegmenter`) makes
//! them the tensors of chunks; crafters scale, cut and mirror the chunks; an encoder describes each by a vector.
//! Tensors are floats or bytes, height × width × 3 or, by the parameter `channel_axis`, 3 × height × width. What is
//! deliberately not here: neural networks, for which [`Preparer`] makes pictures ready, and anything of storage or search.

mod axis;
mod craft;
pub mod decode;
mod describe;
mod memory;
mod named;
mod pixels;
mod prepare;
mod raster;
mod reader;
pub mod resize;
mod segment;
mod siblings;
mod size;
mod split;
mod thumbnail;
mod value_range;

use flowrun_sdk::ExecutorType;

pub use describe::{IMAGE_DESCRIPTOR_ENCODER, Trained, image_torch_encoder, keras_image_encoder};
pub use prepare::{Preparation, Preparer};
pub use resize::Filter;
pub use thumbnail::thumbnail;

/// The executors of this family.
pub static EXECUTORS: &[ExecutorType] = &[
    reader::IMAGE_READER,
    segment::GIF_SEGMENTER,
    split::GIF_NAME_RAW_SPLIT,
    craft::IMAGE_NORMALIZER,
    craft::IMAGE_RESIZER,
    craft::IMAGE_CROPPER,
    craft::CENTER_IMAGE_CROPPER,
    craft::RANDOM_IMAGE_CROPPER,
    craft::FIVE_IMAGE_CROPPER,
    craft::SLIDING_WINDOW_IMAGE_CROPPER,
    craft::IMAGE_FLIPPER,
    IMAGE_DESCRIPTOR_ENCODER,
];
