//! Parameters of `OnnxImageEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Parameter, ParameterKind, ResamplingFilter, Value, choice};

use super::preset::{Preset, Scale};
use crate::session::Device;

choice! {
    /// Axis order of a model's input.
    pub(crate) enum Layout {
        /// Batch × channels × height × width, as PyTorch exports.
        Nchw = "nchw",
        /// Batch × height × width × channels, as TensorFlow exports.
        Nhwc = "nhwc",
    }
}

choice! {
    /// Pooling of an output with more than two axes to one vector per image.
    pub(crate) enum Pooling {
        /// Mean over positions.
        Mean = "mean",
        /// Maximum over positions.
        Max = "max",
        /// First position: the class token of a transformer.
        First = "first",
        /// All elements, concatenated.
        Flatten = "flatten",
    }
}

choice! {
    /// Interpretation of the tensors of documents.
    pub(crate) enum Tensors {
        /// Images, which are scaled, cropped and normalised like decoded ones.
        Picture = "picture",
        /// Model input, prepared by crafters.
        Input = "input",
        /// Tensors of bytes are images, other tensors are model input.
        ByType = "by_type",
    }
}

/// Height and width in pixels; a single number if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) [u32; 2]);

impl Parameter for Size {
    const KIND: ParameterKind =
        ParameterKind::Other("a number of pixels, or height and width such as `[224, 224]`");

    fn parse(value: &Value) -> Option<Self> {
        let sides = <[u32; 2]>::parse(value).or_else(|| u32::parse(value).map(|side| [side; 2]));
        sides.filter(|sides| sides.iter().all(|side| (1..=8192).contains(side))).map(Self)
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

flowrun_sdk::parameters! {
    /// Parameters of `OnnxImageEncoder`. Parameters that are null are taken from the preset, then from the model.
    pub(crate) struct OnnxImageEncoderParameters {
        /// Path of the model, an ONNX file.
        model_path: PathBuf,
        /// Preprocessing of a known model: `mobilenet_v2` and `resnet50` of torchvision, `clip` of OpenAI, `keras` for
        /// Keras networks with inputs from -1 to 1, `efficientnet_lite0` of Google.
        preset: Option<Preset> = None,
        /// Axis order of the model's input.
        layout: Option<Layout> = None,
        /// Size of the model's input in pixels: `224`, or height and width.
        size: Option<Size> = None,
        /// Length in pixels that the shorter side is scaled to before the centre is cropped. The default without a
        /// preset is to scale to `size` without keeping the aspect ratio.
        resize: Option<u32> = None,
        /// Resampling filter.
        filter: Option<ResamplingFilter> = None,
        /// Range that bytes are scaled to.
        scale: Option<Scale> = None,
        /// Mean of red, green and blue, in the range of `scale`; subtracted.
        mean: Option<[f32; 3]> = None,
        /// Standard deviation of red, green and blue; divided by.
        std: Option<[f32; 3]> = None,
        /// Output with the embedding, by name or index from 0; null for `image_embeds`, `embedding` or `embeddings`, else the
        /// first.
        output: Option<String> = None,
        /// Pooling of an output with more than two axes.
        pooling: Option<Pooling> = None,
        /// Scales embeddings to length 1.
        normalize: bool = false,
        /// Dimension of the embeddings; checked against the model at start.
        dimension: Option<usize> = None,
        /// Interpretation of the tensors of documents.
        tensors: Tensors = Tensors::Picture,
        /// Tensors of documents have the shape channels × height × width.
        tensors_channels_first: bool = false,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as Pillow in
        /// Python does (and CLIP with it).
        exif: bool = false,
        /// Drops the content of images after they are encoded.
        drop_image_content: bool = false,
        /// Largest number of images per model run.
        minibatch_size: usize = 32,
        /// Number of the replica's threads that preprocess the next images while the model runs on the rest; null to
        /// alternate preprocessing and model on all threads.
        num_worker_preprocess: Option<usize> = None,
        /// Device of the model. If it is not available, the flow does not start.
        device: Device = Device::Cpu,
        /// Documents to encode; overridden by the request's `access_paths`.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}
