//! Encoders of Jina that need a trained network, under their names and with their parameters. Without a model they
//! describe images as `ImageDescriptorEncoder` does, and say so: flows run, and their results are worth what the
//! descriptor is.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, choice, parse, tracing};

use super::encoder::{DIMENSION, DescriptorEncoder};
use crate::axis::{BatchChannelAxis, ChannelAxis};
use crate::value_range::ValueRange;

choice! {
    /// How the last layer of a network becomes a vector.
    enum PoolStrategy {
        /// The mean, as Keras calls it.
        Avg = "avg",
        /// The mean, as PyTorch calls it.
        Mean = "mean",
        /// The maximum.
        Max = "max",
    }
}

flowrun_sdk::parameters! {
    /// Those of Jina's `KerasImageEncoder`, and those of the stand-in.
    struct KerasImageEncoderParameters {
        /// Which network; without effect as long as there is no model.
        model_name: String = "MobileNetV2".to_owned(),
        /// How the last layer becomes a vector; without effect as long as there is no model.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Avg),
        /// The side of the images, in pixels; without effect: images of any size are described.
        img_shape: u32 = 96,
        /// Which axis holds the colours, counted in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::Last),
        /// The network as an ONNX file. Not available in this version.
        model_path: Option<PathBuf> = None,
        /// Numbers of an embedding.
        dimension: usize = DIMENSION,
        /// What the numbers of the images mean.
        value_range: ValueRange = ValueRange::Auto,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

flowrun_sdk::parameters! {
    /// Those of Jina's `ImageTorchEncoder`, and those of the stand-in.
    struct ImageTorchEncoderParameters {
        /// Which network; without effect as long as there is no model.
        model_name: String = "mobilenet_v2".to_owned(),
        /// How the last layer becomes a vector; without effect as long as there is no model.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Mean),
        /// Accepted and without effect, as in Jina.
        img_shape: Option<u32> = None,
        /// Which axis holds the colours, counted in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::First),
        /// The network as an ONNX file. Not available in this version.
        model_path: Option<PathBuf> = None,
        /// Numbers of an embedding.
        dimension: usize = DIMENSION,
        /// What the numbers of the images mean.
        value_range: ValueRange = ValueRange::Auto,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `KerasImageEncoder`.
pub(crate) const KERAS_IMAGE_ENCODER: ExecutorType = ExecutorType::new::<KerasImageEncoderParameters>(
    "KerasImageEncoder",
    "Stands in for Jina's encoder of that name: describes every image without a model.",
    create_keras,
);

/// `ImageTorchEncoder`.
pub(crate) const IMAGE_TORCH_ENCODER: ExecutorType = ExecutorType::new::<ImageTorchEncoderParameters>(
    "ImageTorchEncoder",
    "Stands in for Jina's encoder of that name: describes every image without a model.",
    create_torch,
);

fn create_keras(build: &Build) -> Result<Instance, BuildError> {
    let with: KerasImageEncoderParameters = parse(build)?;
    without_model("KerasImageEncoder", &with.model_name, with.model_path)?;
    let axis = with.channel_axis.0;
    DescriptorEncoder::new(with.dimension, with.value_range, axis, with.access_paths).map(Instance::thread)
}

fn create_torch(build: &Build) -> Result<Instance, BuildError> {
    let with: ImageTorchEncoderParameters = parse(build)?;
    without_model("ImageTorchEncoder", &with.model_name, with.model_path)?;
    let axis = with.channel_axis.0;
    DescriptorEncoder::new(with.dimension, with.value_range, axis, with.access_paths).map(Instance::thread)
}

/// Says that there is no network; refuses a file of one, so that nobody believes it to be at work.
fn without_model(executor: &str, model_name: &str, model_path: Option<PathBuf>) -> Result<(), BuildError> {
    if model_path.is_some() {
        return Err(BuildError::parameter("model_path", "ONNX models are not available in this version"));
    }
    tracing::warn!(
        executor,
        model_name,
        "there is no model: images are described by their colours and edges instead, as ImageDescriptorEncoder does"
    );
    Ok(())
}
