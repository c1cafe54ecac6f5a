//! `KerasImageEncoder` and `ImageTorchEncoder`: Jina's encoders for pretrained networks.
//!
//! With a network as an ONNX file they delegate to the encoder that runs it ([`ModelEncoder`]). If the flow requests it
//! (`stand_in: true`), the descriptor of `ImageDescriptorEncoder` replaces the network; search quality is then that of
//! the descriptor.

use std::path::PathBuf;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Context, ExecutorDescription, ExecutorType, Instance, MissingModel,
    ModelState, Value, choice, model_directory, parse_parameters, tracing,
};

use super::encoder::{DEFAULT_DIMENSION, DescriptorEncoder, ImageSettings};
use crate::channel_axis::{BatchChannelAxis, ChannelAxis};
use crate::value_range::ValueRange;

/// The encoder that runs ONNX models. This crate does not depend on the ONNX crate; the program, which links both,
/// implements the trait.
pub trait ModelEncoder {
    /// Encodes images with an ONNX model. Must have the parameters `model_path`, `preset`, `pooling`, `tensors`,
    /// `tensors_channels_first`, `dimension`, `exif` and `access_paths`.
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
    /// Parameters of Jina's `KerasImageEncoder`, of the model and of the stand-in.
    struct KerasImageEncoderParameters {
        /// Name of the network. Without `model_path` the network is read from `NAME.onnx` in `~/.cache/flowrun/models`.
        model_name: String = "MobileNetV2".to_owned(),
        /// Pooling of the last layer; null for all its numbers. Without effect with `stand_in`.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Avg),
        /// Accepted for compatibility, without effect: images of any size are encoded.
        img_shape: u32 = 96,
        /// Position of the channel axis in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::Last),
        /// The network as an ONNX file; null to find it by its name.
        model_path: Option<PathBuf> = None,
        /// Describes images by their colours and edges, as `ImageDescriptorEncoder` does, unless `model_path` is set.
        /// `--stand-in` on the command line sets it.
        stand_in: bool = false,
        /// Dimension of the embeddings; null for that of the model, or 512 with `stand_in`.
        dimension: Option<usize> = None,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as Pillow in
        /// Python does.
        exif: bool = false,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

flowrun_sdk::parameters! {
    /// Parameters of Jina's `ImageTorchEncoder`, of the model and of the stand-in.
    struct ImageTorchEncoderParameters {
        /// Name of the network. Without `model_path` the network is read from `NAME.onnx` in `~/.cache/flowrun/models`.
        model_name: String = "mobilenet_v2".to_owned(),
        /// Pooling of the last layer; null for all its numbers. Without effect with `stand_in`.
        pool_strategy: Option<PoolStrategy> = Some(PoolStrategy::Mean),
        /// Accepted for compatibility, without effect as in Jina.
        img_shape: Option<u32> = None,
        /// Position of the channel axis in a batch of images.
        channel_axis: BatchChannelAxis = BatchChannelAxis(ChannelAxis::First),
        /// The network as an ONNX file; null to find it by its name.
        model_path: Option<PathBuf> = None,
        /// Describes images by their colours and edges, as `ImageDescriptorEncoder` does, unless `model_path` is set.
        /// `--stand-in` on the command line sets it.
        stand_in: bool = false,
        /// Dimension of the embeddings; null for that of the model, or 512 with `stand_in`.
        dimension: Option<usize> = None,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as Pillow in
        /// Python does.
        exif: bool = false,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// The executor type `KerasImageEncoder`, which runs its network with the encoder of `T`.
#[must_use]
pub const fn keras_image_encoder<T: ModelEncoder>() -> ExecutorType {
    ExecutorType::new::<KerasImageEncoderParameters>(
        "KerasImageEncoder",
        "Runs a Keras network from an ONNX file, under the parameters of Jina's encoder.",
        |build| keras_settings(build)?.create_encoder::<T>(build),
    )
    .with_description(|build| describe(keras_settings(build), build))
}

/// The executor type `ImageTorchEncoder`, which runs its network with the encoder of `T`.
#[must_use]
pub const fn image_torch_encoder<T: ModelEncoder>() -> ExecutorType {
    ExecutorType::new::<ImageTorchEncoderParameters>(
        "ImageTorchEncoder",
        "Runs a torchvision network from an ONNX file, under the parameters of Jina's encoder.",
        |build| torch_settings(build)?.create_encoder::<T>(build),
    )
    .with_description(|build| describe(torch_settings(build), build))
}

fn keras_settings(build: &Build) -> Result<EncoderSettings, BuildError> {
    let with: KerasImageEncoderParameters = parse_parameters(build)?;
    Ok(EncoderSettings {
        name: "KerasImageEncoder",
        model_name: with.model_name,
        model_path: with.model_path,
        stand_in: with.stand_in,
        preset: "keras",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        exif: with.exif,
        access_paths: with.access_paths,
    })
}

fn torch_settings(build: &Build) -> Result<EncoderSettings, BuildError> {
    let with: ImageTorchEncoderParameters = parse_parameters(build)?;
    Ok(EncoderSettings {
        name: "ImageTorchEncoder",
        model_name: with.model_name,
        model_path: with.model_path,
        stand_in: with.stand_in,
        // All torchvision networks were trained with the same preprocessing.
        preset: "mobilenet_v2",
        pooling: with.pool_strategy,
        dimension: with.dimension,
        axis: with.channel_axis.0,
        value_range: with.value_range,
        exif: with.exif,
        access_paths: with.access_paths,
    })
}

/// Settings that both executors have.
struct EncoderSettings {
    name: &'static str,
    model_name: String,
    model_path: Option<PathBuf>,
    stand_in: bool,
    preset: &'static str,
    pooling: Option<PoolStrategy>,
    dimension: Option<usize>,
    axis: ChannelAxis,
    value_range: ValueRange,
    exif: bool,
    access_paths: AccessPaths,
}

/// Describes an encoder with these settings. If the settings are invalid, its model is unknown.
fn describe(settings: Result<EncoderSettings, BuildError>, build: &Build) -> ExecutorDescription {
    let model = match settings.map(|settings| settings.find_model(&build.context)) {
        Ok(Ok(Some(_))) => ModelState::Found,
        Ok(Ok(None)) => ModelState::StandIn,
        Ok(Err(missing)) => ModelState::Missing(missing),
        Err(_) => ModelState::Unknown,
    };
    ExecutorDescription::encoder(model)
}

impl EncoderSettings {
    fn create_encoder<T: ModelEncoder>(self, build: &Build) -> Result<Instance, BuildError> {
        match self.find_model(&build.context)? {
            Some(path) => self.create_model_encoder(&T::ENCODER, &path.to_string_lossy(), build),
            None => self.create_stand_in(),
        }
    }

    /// Finds the file of the network; `None` for the stand-in. `model_path` takes precedence over `stand_in`, which takes
    /// precedence over the directory of installed models. The result may be relative to the directory of `context`.
    fn find_model(&self, context: &Context) -> Result<Option<PathBuf>, MissingModel> {
        if let Some(path) = &self.model_path {
            let resolved = context.resolve(path);
            return match resolved.exists() {
                true => Ok(Some(path.clone())),
                false => Err(MissingModel::file(&resolved)),
            };
        }
        if self.stand_in {
            return Ok(None);
        }
        let name = &self.model_name;
        let file = format!("{}.onnx", name.replace('/', "-"));
        match model_directory().map(|directory| directory.join(file)) {
            Some(path) if path.is_file() => Ok(Some(path)),
            Some(path) => {
                let path = path.display();
                Err(MissingModel::new(format_args!("`{name}` is not installed: {path} does not exist")))
            }
            None => {
                Err(MissingModel::new(format_args!("`{name}` is not installed, and `model_path` is not set")))
            }
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
            ("exif", Value::from(self.exif)),
            ("access_paths", Value::from(self.access_paths.to_string())),
        ];
        let with = with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        encoder.create(&Build { with, context: build.context.clone() })
    }

    /// Creates the descriptor encoder and logs a warning.
    fn create_stand_in(self) -> Result<Instance, BuildError> {
        tracing::warn!(
            executor = self.name,
            model_name = self.model_name,
            "`stand_in` is set: images are described by their colours and edges, as by ImageDescriptorEncoder"
        );
        let dimension = self.dimension.unwrap_or(DEFAULT_DIMENSION);
        let images =
            ImageSettings { value_range: self.value_range, channel_axis: self.axis, exif: self.exif.into() };
        DescriptorEncoder::new(dimension, images, self.access_paths).map(Instance::new)
    }
}
