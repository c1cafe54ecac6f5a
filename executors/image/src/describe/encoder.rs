//! `ImageDescriptorEncoder`: an embedding of every image.

use std::mem::take;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, Tensor, parse_parameters,
};

use super::Descriptor;
use crate::axis::ChannelAxis;
use crate::decode;
use crate::named::named;
use crate::pixels;
use crate::value_range::ValueRange;

/// Numbers of an embedding, when nothing else is said: measured as good as all 1 024, and half to store.
pub(super) const DIMENSION: usize = 512;

/// The most numbers of an embedding. Beyond the 1 024 that there are, more say no more.
const DIMENSION_MAX: usize = 8192;

flowrun_sdk::parameters! {
    /// What comes in and goes out.
    struct ImageDescriptorEncoderParameters {
        /// Numbers of an embedding. 1024 is everything that the descriptor says; other numbers are a projection of
        /// that which keeps distances.
        dimension: usize = DIMENSION,
        /// What the numbers of the images mean.
        value_range: ValueRange = ValueRange::Auto,
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `ImageDescriptorEncoder`.
pub const IMAGE_DESCRIPTOR_ENCODER: ExecutorType = ExecutorType::new::<ImageDescriptorEncoderParameters>(
    "ImageDescriptorEncoder",
    "Describes every image by its colours and edges, without a model: an embedding of length 1.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let ImageDescriptorEncoderParameters { dimension, value_range, channel_axis, access_paths } =
        parse_parameters(build)?;
    let encoder = DescriptorEncoder::new(dimension, value_range, channel_axis, access_paths)?;
    Ok(Instance::new(encoder).with_output_dimension(Some(dimension)))
}

/// An executor that gives every image the vector that describes it.
pub(super) struct DescriptorEncoder {
    descriptor: Descriptor,
    value_range: ValueRange,
    channel_axis: ChannelAxis,
    access_paths: AccessPaths,
    /// The pixels of the last image, for the next one.
    buffer: Vec<u8>,
}

impl DescriptorEncoder {
    pub(super) fn new(
        dimension: usize,
        value_range: ValueRange,
        channel_axis: ChannelAxis,
        access_paths: AccessPaths,
    ) -> Result<Self, BuildError> {
        if !(1..=DIMENSION_MAX).contains(&dimension) {
            return Err(BuildError::parameter(
                "dimension",
                format_args!("must be from 1 to {DIMENSION_MAX}"),
            ));
        }
        let descriptor = Descriptor::new(dimension);
        Ok(Self { descriptor, value_range, channel_axis, access_paths, buffer: Vec::new() })
    }

    fn encode(&mut self, document: &Document, budget: &CallBudget) -> Result<Tensor, ExecutorError> {
        let image = match &document.tensor {
            Some(tensor) => {
                pixels::from_tensor(tensor, self.channel_axis, self.value_range, take(&mut self.buffer))?
            }
            None => decode::still_while(&decode::content(document)?, || budget.check())?,
        };
        let vector = self.descriptor.describe(&image)?;
        self.buffer = pixels::recycled(image);
        Ok(Tensor::vector(vector))
    }
}

impl Executor for DescriptorEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            let encoded = self.encode(document, &budget).map_err(|error| named(document, error));
            document.embedding = Some(encoded?);
            Ok(())
        })
    }
}
