//! `KerasImageEncoder` and `ImageTorchEncoder`: Jina's encoders for pretrained networks.
//!
//! With a network as an ONNX file they delegate to the encoder that runs it ([`ModelEncoder`]). Without one
//! they fall back to the descriptor of `ImageDescriptorEncoder` and log a warning: flows run, with results of the
//! descriptor's quality.

use std::path::PathBuf;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, ExecutorType, Instance, Value, choice, parse_parameters, tracing,
};

use super::encoder::{DEFAULT_DIMENSION, DescriptorEncoder};
use crate::channel_axis::{BatchChannelAxis, ChannelAxis};
use crate::value_range::ValueRange;

/// The encoder that runs ONNX models. This crate depends on the SDK alone, so the program supplies it.
pub trait ModelEncoder {
    /// Encodes images with an ONNX model. Must have the parameters `model_path`, `preset`, `pooling`, `tensors`,
    /// `tensors_channels_first`, `dimension` and `access_paths`.
    const ENCODER: ExecutorType;
}

choice! {
    /// Pooling of the last layer of a network.
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
    /// Parameters of Jina's `KerasImageEncoder`, of the model and of the fallback.
    struct KerasImageEncoderParameters {
        /// Name of the network; without effect if `model_path` is null.
        model_name: String = "MobileNetV2".to_owned(),
        /// Pooling of the last layer; null for all its numbers. Without effect if `model_path` is null.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Avg),
        /// Accepted for compatibility, without effect: images of any size are encoded.
        img_shape: u32 = 96,
        /// Position of the channel axis in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::Last),
        /// The network as an ONNX file; null to describe images without a model.
        model_path: Option<PathBuf> = None,
        /// Dimension of the embeddings; null for that of the model, or 512 without a model.
        dimension: Option<usize> = None,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

flowrun_sdk::parameters! {
    /// Parameters of Jina's `ImageTorchEncoder`, of the model and of the fallback.
    struct ImageTorchEncoderParameters {
        /// Name of the network; without effect if `model_path` is null.
        model_name: String = "mobilenet_v2".to_owned(),
        /// Pooling of the last layer; null for all its numbers. Without effect if `model_path` is null.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Mean),
        /// Accepted for compatibility, without effect as in Jina.
        img_shape: Option<u32> = None,
        /// Position of the channel axis in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::First),
        /// The network as an ONNX file; null to describe images without a model.
        model_path: Option<PathBuf> = None,
        /// Dimension of the embeddings; null for that of the model, or 512 without a model.
        dimension: Option<usize> = None,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// `KerasImageEncoder`.
#[must_use]
pub const fn keras_image_encoder<T: ModelEncoder>() -> ExecutorType {
    ExecutorType::new::<KerasImageEncoderParameters>(
        "KerasImageEncoder",
        "Runs a Keras network from an ONNX file, under the parameters of Jina's encoder; describes images without a model \
         otherwise.",
        create_keras::<T>,
    )
    .with_encoder_description()
}

/// `ImageTorchEncoder`.
#[must_use]
pub const fn image_torch_encoder<T: ModelEncoder>() -> ExecutorType {
    ExecutorType::new::<ImageTorchEncoderParameters>(
        "ImageTorchEncoder",
        "Runs a torchvision network from an ONNX file, under the parameters of Jina's encoder; describes images without a \
         model otherwise.",
        create_torch::<T>,
    )
    .with_encoder_description()
}

fn create_keras<T: ModelEncoder>(build: &Build) -> Result<Instance, BuildError> {
    let with: KerasImageEncoderParameters = parse_parameters(build)?;
    let settings = EncoderSettings {
        name: "KerasImageEncoder",
        model_name: with.model_name,
        preset: "keras",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        access_paths: with.access_paths,
    };
    settings.create_encoder::<T>(with.model_path, build)
}

fn create_torch<T: ModelEncoder>(build: &Build) -> Result<Instance, BuildError> {
    let with: ImageTorchEncoderParameters = parse_parameters(build)?;
    let settings = EncoderSettings {
        name: "ImageTorchEncoder",
        model_name: with.model_name,
        // All torchvision networks were trained with the same preprocessing.
        preset: "mobilenet_v2",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        access_paths: with.access_paths,
    };
    settings.create_encoder::<T>(with.model_path, build)
}

/// Settings that both executors have.
struct EncoderSettings {
    name: &'static str,
    model_name: String,
    preset: &'static str,
    pooling: Option<PoolStrategy>,
    dimension: Option<usize>,
    axis: ChannelAxis,
    value_range: ValueRange,
    access_paths: AccessPaths,
}

impl EncoderSettings {
    fn create_encoder<T: ModelEncoder>(
        self,
        model_path: Option<PathBuf>,
        build: &Build,
    ) -> Result<Instance, BuildError> {
        match model_path {
            Some(path) => self.create_model_encoder(&T::ENCODER, &path.to_string_lossy(), build),
            None => self.create_fallback(),
        }
    }

    /// Creates the encoder that runs the network. As in Jina, tensors of floats are network input and tensors of bytes
    /// are images.
    fn create_model_encoder(
        self,
        encoder: &ExecutorType,
        path: &str,
        build: &Build,
    ) -> Result<Instance, BuildError> {
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

    /// Creates the descriptor encoder and logs a warning.
    fn create_fallback(self) -> Result<Instance, BuildError> {
        tracing::warn!(
            executor = self.name,
            model_name = self.model_name,
            "no model is configured: images are described by their colours and edges instead, as by ImageDescriptorEncoder; \
             set `model_path` to the network as an ONNX file"
        );
        let dimension = self.dimension.unwrap_or(DEFAULT_DIMENSION);
        DescriptorEncoder::new(dimension, self.value_range, self.axis, self.access_paths).map(Instance::new)
    }
}
