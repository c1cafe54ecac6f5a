//! `OnnxImageEncoder`: an embedding of every picture, by a model that the user has.
//!
//! The way of a call: pictures are made ready by several threads at once, each straight into its place in the tensor of
//! a batch; the model runs on the batch; what comes out is pooled into vectors. How a picture becomes numbers is an
//! affair of whoever puts the catalogue together ([`PreprocessImage`]), as this family sees the SDK alone.

mod encoder;
mod parameters;
mod plan;
mod preset;
mod readying;
mod vectors;

use flowrun_sdk::{CallBudget, Document, ExecutorError, ExecutorType, ResamplingFilter};

pub use preset::Preset;

/// What a model wants of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInput {
    /// The pixels that it looks at: height and width.
    pub size: [u32; 2],
    /// The shorter side that a picture is scaled to before its middle is cut out. `None`: it is stretched to the size.
    pub shorter_side: Option<u32>,
    /// How it is scaled.
    pub filter: ResamplingFilter,
    /// Whether the model reads channels × height × width.
    pub channels_first: bool,
    /// Whether the tensors of documents are channels × height × width.
    pub tensors_channels_first: bool,
}

/// Numbers of one type for the bytes of red, green and blue.
pub type LookupTables<T> = [[T; 256]; 3];

/// How the picture of a document becomes what a model wants.
pub trait PreprocessImage: Send + Sized + 'static {
    /// One that makes what is wanted, and keeps its buffers from one picture to the next.
    fn new(input: ImageInput) -> Self;

    /// Writes the picture of a document to `place`.
    ///
    /// # Errors
    /// When the document has no picture, or one that cannot be read.
    fn preprocess<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &LookupTables<T>,
        place: &mut [T],
    ) -> Result<(), ExecutorError>;
}

/// `OnnxImageEncoder`, whose pictures are made ready by `P`.
#[must_use]
pub const fn onnx_image_encoder<P: PreprocessImage>() -> ExecutorType {
    ExecutorType::new::<parameters::OnnxImageEncoderParameters>(
        "OnnxImageEncoder",
        "Encodes every picture with an ONNX model: decoded, scaled, cut and normalised as the model wants it.",
        encoder::create::<P>,
    )
}
