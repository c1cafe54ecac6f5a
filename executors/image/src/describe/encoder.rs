//! `ImageDescriptorEncoder`: embeds every image with the descriptor.

use std::mem::take;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorDescription, ExecutorError,
    ExecutorType, Fact, Instance, Tensor, parse_parameters, with_part_id,
};

use image::RgbImage;

use super::descriptor::Descriptor;
use crate::channel_axis::ChannelAxis;
use crate::decode::{self, ExifOrientation};
use crate::pixels;
use crate::value_range::ValueRange;

/// Default dimension of embeddings. Measured search quality equals that of all 1,024 numbers, at half the storage.
pub(super) const DEFAULT_DIMENSION: usize = 512;

/// Maximum dimension of embeddings. Dimensions above 1,024 contain no more information.
const DIMENSION_MAX: usize = 8192;

flowrun_sdk::parameters! {
    /// Parameters of `ImageDescriptorEncoder`.
    struct ImageDescriptorEncoderParameters {
        /// Dimension of the embeddings. 1024 is the whole descriptor; other dimensions are a projection of it that
        /// preserves distances.
        dimension: usize = DEFAULT_DIMENSION,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as Pillow in
        /// Python does.
        exif: bool = true,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// The executor type `ImageDescriptorEncoder`, which embeds images without a model.
pub const IMAGE_DESCRIPTOR_ENCODER: ExecutorType = ExecutorType::new::<ImageDescriptorEncoderParameters>(
    "ImageDescriptorEncoder",
    "Describes every image by its colours and edges, without a model: an embedding with Euclidean norm 1.",
    create,
)
.with_description(|build| {
    let parameters = parse_parameters::<ImageDescriptorEncoderParameters>(build);
    let dimension = parameters.map_or(Fact::Unknown, |parameters| Fact::Known(Some(parameters.dimension)));
    ExecutorDescription::plain().with_output_dimension(dimension)
});

fn create(build: &Build) -> Result<Instance, BuildError> {
    let ImageDescriptorEncoderParameters { dimension, value_range, channel_axis, exif, access_paths } =
        parse_parameters(build)?;
    let images = ImageSettings { value_range, channel_axis, exif: exif.into() };
    let encoder = DescriptorEncoder::new(dimension, images, access_paths)?;
    Ok(Instance::new(encoder).with_output_dimension(Some(dimension)))
}

/// Interpretation of the images of documents.
pub(crate) struct ImageSettings {
    pub(crate) value_range: ValueRange,
    pub(crate) channel_axis: ChannelAxis,
    pub(crate) exif: ExifOrientation,
}

impl ImageSettings {
    /// The pixels of a document: its tensor, or its decoded content. The image may take over `buffer`.
    ///
    /// # Errors
    /// When the document has no image, or it cannot be decoded.
    pub(crate) fn read(
        &self,
        document: &Document,
        buffer: Vec<u8>,
        budget: &CallBudget,
    ) -> Result<RgbImage, ExecutorError> {
        match &document.tensor {
            Some(tensor) => pixels::from_tensor(tensor, self.channel_axis, self.value_range, buffer),
            None => {
                let content = decode::content(document)?;
                decode::decode_image_checked(&content, self.exif, || budget.check())
            }
        }
    }
}

/// An executor that sets the embedding of every image to its descriptor.
pub(super) struct DescriptorEncoder {
    descriptor: Descriptor,
    images: ImageSettings,
    access_paths: AccessPaths,
    /// Pixel buffer of the last image, for reuse.
    buffer: Vec<u8>,
}

impl DescriptorEncoder {
    /// An encoder of the documents at `access_paths`.
    ///
    /// # Errors
    /// When `dimension` is not from 1 to [`DIMENSION_MAX`].
    pub(super) fn new(
        dimension: usize,
        images: ImageSettings,
        access_paths: AccessPaths,
    ) -> Result<Self, BuildError> {
        if !(1..=DIMENSION_MAX).contains(&dimension) {
            return Err(BuildError::parameter(
                "dimension",
                format_args!("must be from 1 to {DIMENSION_MAX}"),
            ));
        }
        let descriptor = Descriptor::new(dimension);
        Ok(Self { descriptor, images, access_paths, buffer: Vec::new() })
    }

    fn encode(&mut self, document: &Document, budget: &CallBudget) -> Result<Tensor, ExecutorError> {
        let image = self.images.read(document, take(&mut self.buffer), budget)?;
        let vector = self.descriptor.describe(&image)?;
        self.buffer = pixels::reclaim_buffer(image);
        Ok(Tensor::vector(vector))
    }
}

impl Executor for DescriptorEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            let encoded = self.encode(document, &budget).map_err(|error| with_part_id(document, error));
            document.embedding = Some(encoded?);
            Ok(())
        })
    }
}
