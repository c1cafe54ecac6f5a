//! Encoders assembled from several executor crates: ONNX models that read images, and CLIP and Keras encoders on top of
//! them.
//!
//! The crates define traits for the parts that they need ([`flowrun_onnx::PreprocessImage`], [`flowrun_clip::Towers`],
//! [`flowrun_image::ModelEncoder`]); this module implements them and contains no logic of its own.

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
    const TEXT_STAND_IN: ExecutorType = flowrun_text::TEXT_HASHING_ENCODER;
    const IMAGE_STAND_IN: ExecutorType = flowrun_image::IMAGE_DESCRIPTOR_ENCODER;
    const TEXT_MODEL: ExecutorType = flowrun_onnx::ONNX_TEXT_ENCODER;
    const IMAGE_MODEL: ExecutorType = ONNX_IMAGE_ENCODER;
}

impl flowrun_image::ModelEncoder for Parts {
    const ENCODER: ExecutorType = ONNX_IMAGE_ENCODER;
}

/// Decodes, resizes and normalises images for ONNX models.
struct ImagePreprocessor(flowrun_image::ImagePreprocessor);

impl flowrun_onnx::PreprocessImage for ImagePreprocessor {
    fn new(input: flowrun_onnx::ImageInput) -> Self {
        let flowrun_onnx::ImageInput {
            size,
            shorter_side,
            filter,
            channels_first,
            tensors_channels_first,
            exif,
        } = input;
        Self(flowrun_image::ImagePreprocessor::new(flowrun_image::PreprocessingSpec {
            size,
            shorter_side,
            filter,
            channels_first,
            tensors_channels_first,
            exif: exif.into(),
        }))
    }

    fn preprocess<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &flowrun_onnx::LookupTables<T>,
        output: &mut [T],
    ) -> Result<(), ExecutorError> {
        self.0.preprocess(document, budget, tables, output)
    }
}
