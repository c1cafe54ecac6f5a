//! `OnnxImageEncoder`: embeds images with an ONNX model.
//!
//! Several threads preprocess images directly into the input tensor of a batch; the model runs on the batch; its output
//! is pooled to one vector per image. Preprocessing is supplied by the program ([`PreprocessImage`]), because executor
//! crates depend on the SDK alone.

mod batch_preprocessor;
mod encoder;
mod output_pooling;
mod parameters;
mod plan;
mod preset;

use flowrun_sdk::{CallBudget, Document, ExecutorError, ExecutorType, ResamplingFilter};

pub use preset::Preset;

/// Image input that a model expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInput {
    /// Height and width in pixels.
    pub size: [u32; 2],
    /// Length in pixels that the shorter side is scaled to before the centre is cropped. `None`: the image is scaled to
    /// `size` without keeping its aspect ratio.
    pub shorter_side: Option<u32>,
    /// Resampling filter.
    pub filter: ResamplingFilter,
    /// True if the model's input has the shape channels × height × width.
    pub channels_first: bool,
    /// True if the tensors of documents have the shape channels × height × width.
    pub tensors_channels_first: bool,
    /// True to apply the EXIF orientation of encoded images.
    pub exif: bool,
}

/// Conversion of bytes to elements: a table of 256 elements for red, green and blue each.
pub type LookupTables<T> = [[T; 256]; 3];

/// Preprocessing of the image of a document.
pub trait PreprocessImage: Send + Sized + 'static {
    /// Creates a preprocessor for one model. It reuses its buffers from image to image.
    fn new(input: ImageInput) -> Self;

    /// Writes the image of a document to `output`, which has an element for each pixel and channel in the layout of
    /// [`ImageInput`]. `tables` converts the bytes of the scaled image. Decoding is bounded by `budget`.
    ///
    /// # Errors
    /// When the document has no image, or the image cannot be decoded.
    fn preprocess<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &LookupTables<T>,
        output: &mut [T],
    ) -> Result<(), ExecutorError>;
}

/// The executor type `OnnxImageEncoder` with the preprocessor `P`.
#[must_use]
pub const fn onnx_image_encoder<P: PreprocessImage>() -> ExecutorType {
    ExecutorType::new::<parameters::OnnxImageEncoderParameters>(
        "OnnxImageEncoder",
        "Encodes every image with an ONNX model: decoded, scaled, cropped and normalised for the model.",
        encoder::create::<P>,
    )
    .with_description(encoder::describe)
}
