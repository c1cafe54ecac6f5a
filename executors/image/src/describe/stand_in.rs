//! Encoders of Jina that need a trained network, under their names and with their parameters. With the network as an
//! ONNX file they are the encoder that runs it, named by whoever puts the catalogue together ([`Trained`]). Without one
//! they describe images as `ImageDescriptorEncoder` does, and say so: flows run, and their results are worth what the
//! descriptor is.

use std::path::PathBuf;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, ExecutorType, Instance, Value, choice, parse_parameters, tracing,
};

use super::encoder::{DIMENSION, DescriptorEncoder};
use crate::axis::{BatchChannelAxis, ChannelAxis};
use crate::value_range::ValueRange;

/// What runs a trained network.
pub trait Trained {
    /// Encodes pictures with an ONNX model; has the parameters `model_path`, `preset`, `pooling`, `tensors`,
    /// `tensors_channels_first`, `dimension` and `access_paths`.
    const ENCODER: ExecutorType;
}

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
        /// The network as an ONNX file. Null: there is no model, and images are described without one.
        model_path: Option<PathBuf> = None,
        /// Numbers of an embedding; null for those of the model, and for 512 without one.
        dimension: Option<usize> = None,
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
        /// The network as an ONNX file. Null: there is no model, and images are described without one.
        model_path: Option<PathBuf> = None,
        /// Numbers of an embedding; null for those of the model, and for 512 without one.
        dimension: Option<usize> = None,
        /// What the numbers of the images mean.
        value_range: ValueRange = ValueRange::Auto,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `KerasImageEncoder`.
#[must_use]
pub const fn keras_image_encoder<T: Trained>() -> ExecutorType {
    ExecutorType::new::<KerasImageEncoderParameters>(
        "KerasImageEncoder",
        "Jina's encoder of that name: runs a network of Keras that is an ONNX file, or describes images without one.",
        create_keras::<T>,
    )
}

/// `ImageTorchEncoder`.
#[must_use]
pub const fn image_torch_encoder<T: Trained>() -> ExecutorType {
    ExecutorType::new::<ImageTorchEncoderParameters>(
        "ImageTorchEncoder",
        "Jina's encoder of that name: runs a network of torchvision that is an ONNX file, or describes images without one.",
        create_torch::<T>,
    )
}

fn create_keras<T: Trained>(build: &Build) -> Result<Instance, BuildError> {
    let with: KerasImageEncoderParameters = parse_parameters(build)?;
    let encoder = Encoder {
        name: "KerasImageEncoder",
        model_name: with.model_name,
        preset: "keras",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        access_paths: with.access_paths,
    };
    encoder.create::<T>(with.model_path, build)
}

fn create_torch<T: Trained>(build: &Build) -> Result<Instance, BuildError> {
    let with: ImageTorchEncoderParameters = parse_parameters(build)?;
    let encoder = Encoder {
        name: "ImageTorchEncoder",
        model_name: with.model_name,
        // All networks of torchvision were trained with the same pictures.
        preset: "mobilenet_v2",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        access_paths: with.access_paths,
    };
    encoder.create::<T>(with.model_path, build)
}

/// What the two have in common.
struct Encoder {
    name: &'static str,
    model_name: String,
    preset: &'static str,
    pooling: Option<PoolStrategy>,
    dimension: Option<usize>,
    axis: ChannelAxis,
    value_range: ValueRange,
    access_paths: AccessPaths,
}

impl Encoder {
    fn create<T: Trained>(self, model_path: Option<PathBuf>, build: &Build) -> Result<Instance, BuildError> {
        match model_path {
            Some(path) => self.with_model(&T::ENCODER, &path.to_string_lossy(), build),
            None => self.without_model(),
        }
    }

    /// Runs the network. As in Jina, tensors of floats are what it takes; tensors of bytes are pictures.
    fn with_model(self, encoder: &ExecutorType, path: &str, build: &Build) -> Result<Instance, BuildError> {
        let pooling = self.pooling.map_or("flatten", |pooling| match pooling {
            PoolStrategy::Avg | PoolStrategy::Mean => "mean",
            PoolStrategy::Max => "max",
        });
        let with = [
            ("model_path", Value::from(path)),
            ("preset", Value::from(self.preset)),
            ("pooling", Value::from(pooling)),
            ("dimension", self.dimension.map_or(Value::Null, Value::from)),
            ("tensors", Value::from("by_type")),
            ("tensors_channels_first", Value::from(self.axis == ChannelAxis::First)),
            ("access_paths", Value::from(self.access_paths.to_string())),
        ];
        let with = with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        encoder.create(&Build { with, context: build.context.clone() })
    }

    /// Describes images instead, and says so.
    fn without_model(self) -> Result<Instance, BuildError> {
        tracing::warn!(
            executor = self.name,
            model_name = self.model_name,
            "there is no model: images are described by their colours and edges instead, as ImageDescriptorEncoder does; \
             set `model_path` to the network as an ONNX file"
        );
        let dimension = self.dimension.unwrap_or(DIMENSION);
        DescriptorEncoder::new(dimension, self.value_range, self.axis, self.access_paths).map(Instance::new)
    }
}
