//! Encoders assembled from several executor crates: ONNX models that read images, and CLIP and Keras encoders on top of
//! them.
//!
//! The crates define traits for the parts that they need ([`flowrun_onnx::Pictures`], [`flowrun_clip::Towers`],
//! [`flowrun_image::Trained`]); this module implements them and contains no logic of its own.

use flowrun_sdk::{CallBudget, Document, ExecutorError, ExecutorType};

/// `OnnxImageEncoder`, with the image preprocessing of `flowrun_image`.
const ONNX_IMAGE_ENCODER: ExecutorType = flowrun_onnx::onnx_image_encoder::<ImagePreprocessor>();

/// The executor types of this module.
pub(super) const EXECUTORS: &[ExecutorType] = &[
    flowrun_image::keras_image_encoder::<Parts>(),
    flowrun_image::image_torch_encoder::<Parts>(),
    ONNX_IMAGE_ENCODER,
    flowrun_onnx::ONNX_TEXT_ENCODER,
    flowrun_clip::clip_encoder::<Parts>(),
];

/// The executor types that CLIP, Keras and torchvision encoders delegate to.
struct Parts;

impl flowrun_clip::Towers for Parts {
    const TEXT: ExecutorType = flowrun_text::TEXT_HASHING_ENCODER;
    const PICTURE: ExecutorType = flowrun_image::IMAGE_DESCRIPTOR_ENCODER;
    const TEXT_MODEL: ExecutorType = flowrun_onnx::ONNX_TEXT_ENCODER;
    const PICTURE_MODEL: ExecutorType = ONNX_IMAGE_ENCODER;
}

impl flowrun_image::Trained for Parts {
    const ENCODER: ExecutorType = ONNX_IMAGE_ENCODER;
}

/// Decodes, resizes and normalises images for ONNX models.
struct ImagePreprocessor(flowrun_image::Preparer);

impl flowrun_onnx::Pictures for ImagePreprocessor {
    fn new(wanted: flowrun_onnx::Wanted) -> Self {
        let flowrun_onnx::Wanted { size, shorter_side, filter, channels_first, tensors_channels_first } =
            wanted;
        let filter = match filter {
            flowrun_onnx::Filter::Nearest => flowrun_image::Filter::Nearest,
            flowrun_onnx::Filter::Box => flowrun_image::Filter::Box,
            flowrun_onnx::Filter::Bilinear => flowrun_image::Filter::Bilinear,
            flowrun_onnx::Filter::Hamming => flowrun_image::Filter::Hamming,
            flowrun_onnx::Filter::Bicubic => flowrun_image::Filter::Bicubic,
            flowrun_onnx::Filter::Lanczos => flowrun_image::Filter::Lanczos,
        };
        Self(flowrun_image::Preparer::new(flowrun_image::Preparation {
            size,
            shorter_side,
            filter,
            channels_first,
            tensors_channels_first,
        }))
    }

    fn prepare<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &flowrun_onnx::Tables<T>,
        place: &mut [T],
    ) -> Result<(), ExecutorError> {
        self.0.prepare(document, budget, tables, place)
    }
}
