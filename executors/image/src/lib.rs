//! Executors that read, crop, scale and embed images and animated clips.
//!
//! [`decode`] turns untrusted bytes into pixels. Segmenters (`ImageReader`, `GifSegmenter`) add the pixels as tensors
//! of chunks (child documents); crafters scale, crop and mirror the chunks; encoders compute an embedding for each.
//! Tensors hold floats or bytes and have the shape height × width × 3, or 3 × height × width with `channel_axis: 0`.
//! Neural networks live in the ONNX crate, for which [`ImagePreprocessor`] prepares input; storage and search live in the
//! index crate. `KerasImageEncoder` and `ImageTorchEncoder` are generic over [`ModelEncoder`], which the program implements
//! with the ONNX crate; they are therefore not among the [`EXECUTORS`].

mod channel_axis;
mod clip_frames;
mod craft;
pub mod decode;
mod describe;
mod gif_name_raw_split;
mod gif_segmenter;
mod image_reader;
mod memory;
mod pixels;
mod preprocess;
mod raster;
pub mod resize;
mod scene_tagger;
mod target_size;
mod thumbnail;
mod value_range;

use flowrun_sdk::{Build, ContentKind, ExecutorDescription, ExecutorType};

pub use clip_frames::{ClipFrame, visit_frames};
pub use describe::{IMAGE_DESCRIPTOR_ENCODER, ModelEncoder, image_torch_encoder, keras_image_encoder};
pub use preprocess::{ImagePreprocessor, PreprocessingSpec};
pub use thumbnail::{fitting_size, thumbnail, thumbnail_at};

/// The executors of this crate that need no model.
pub static EXECUTORS: &[ExecutorType] = &[
    image_reader::IMAGE_READER.with_description(describe_reader),
    gif_segmenter::GIF_SEGMENTER.with_description(describe_reader),
    gif_name_raw_split::GIF_NAME_RAW_SPLIT.with_plain_description(),
    craft::IMAGE_NORMALIZER.with_plain_description(),
    craft::IMAGE_RESIZER.with_plain_description(),
    craft::IMAGE_CROPPER.with_plain_description(),
    craft::CENTER_IMAGE_CROPPER.with_plain_description(),
    craft::RANDOM_IMAGE_CROPPER.with_plain_description(),
    craft::FIVE_IMAGE_CROPPER.with_plain_description(),
    craft::SLIDING_WINDOW_IMAGE_CROPPER.with_plain_description(),
    craft::IMAGE_FLIPPER.with_plain_description(),
    scene_tagger::SCENE_TAGGER.with_plain_description(),
    IMAGE_DESCRIPTOR_ENCODER,
];

/// Description of an executor that needs a picture or a clip in every document.
fn describe_reader(build: &Build) -> ExecutorDescription {
    ExecutorDescription::plain().with_needed_content(ContentKind::Picture, build)
}
