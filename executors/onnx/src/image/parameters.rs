//! The parameters of `OnnxImageEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Parameter, ParameterKind, ResamplingFilter, Value, choice};

use super::preset::Preset;
use crate::session::Device;

choice! {
    /// The order of the axes of a model's input.
    pub(crate) enum Layout {
        /// Batch × channels × height × width, as PyTorch exports.
        Nchw = "nchw",
        /// Batch × height × width × channels, as TensorFlow exports.
        Nhwc = "nhwc",
    }
}

choice! {
    /// What the bytes of a picture become before the mean is taken away.
    pub(crate) enum Scale {
        /// 0 to 1.
        Unit = "unit",
        /// -1 to 1.
        Signed = "signed",
        /// 0 to 255.
        Bytes = "bytes",
    }
}

choice! {
    /// How an output of more than two axes becomes a vector for each picture.
    pub(crate) enum Pooling {
        /// The mean over places.
        Mean = "mean",
        /// The maximum over places.
        Max = "max",
        /// The first place: the class token of a transformer.
        First = "first",
        /// All numbers, one after the other.
        Flatten = "flatten",
    }
}

choice! {
    /// What the tensors of documents hold.
    pub(crate) enum Tensors {
        /// PreprocessImage, which are scaled, cut and normalised as all others.
        Picture = "picture",
        /// What the model takes: crafters made it ready.
        Input = "input",
        /// Bytes are pictures, other numbers are what the model takes.
        ByType = "by_type",
    }
}

/// A height and a width, written as one number when they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) [u32; 2]);

impl Parameter for Size {
    const KIND: ParameterKind =
        ParameterKind::Other("a number of pixels, or height and width as in `[224, 224]`");

    fn parse(value: &Value) -> Option<Self> {
        let sides = <[u32; 2]>::parse(value).or_else(|| u32::parse(value).map(|side| [side; 2]));
        sides.filter(|sides| sides.iter().all(|side| (1..=8192).contains(side))).map(Self)
    }

    fn to_value(&self) -> Value {
        self.0.to_value()
    }
}

flowrun_sdk::parameters! {
    /// The model, what it wants of pictures, and what becomes of what it says. What is null is taken from the preset,
    /// then from the model.
    pub(crate) struct OnnxImageEncoderParameters {
        /// The model: an ONNX file.
        model_path: PathBuf,
        /// What models of that name want: `mobilenet_v2` and `resnet50` as torchvision trains them, `clip` as OpenAI
        /// does, `keras` as the networks of Keras that take numbers from -1 to 1.
        preset: Option<Preset> = None,
        /// The order of the axes of the model's input.
        layout: Option<Layout> = None,
        /// The pixels that the model looks at: `224`, or height and width.
        size: Option<Size> = None,
        /// The shorter side that pictures are scaled to before their middle is cut out; null without a preset: they are
        /// stretched to `size`.
        resize: Option<u32> = None,
        /// How pictures are scaled.
        filter: Option<ResamplingFilter> = None,
        /// What the bytes of a picture become.
        scale: Option<Scale> = None,
        /// Taken away from red, green and blue, in the numbers of `scale`.
        mean: Option<[f32; 3]> = None,
        /// What red, green and blue are divided by then.
        std: Option<[f32; 3]> = None,
        /// The output that holds the embedding, by its name or its place from 0; null for the one called `image_embeds`
        /// or `embedding`, else the first.
        output: Option<String> = None,
        /// How an output of more than two axes becomes a vector.
        pooling: Option<Pooling> = None,
        /// Whether embeddings are brought to length 1.
        normalize: bool = false,
        /// How many numbers an embedding has; checked against the model before there is any document.
        dimension: Option<usize> = None,
        /// What the tensors of documents hold.
        tensors: Tensors = Tensors::Picture,
        /// Whether the tensors of documents are channels × height × width.
        tensors_channels_first: bool = false,
        /// Whether pictures are dropped once they are encoded.
        drop_image_content: bool = false,
        /// PreprocessImage that go through the model at once, at the most.
        minibatch_size: usize = 32,
        /// Threads that make the next pictures ready while the model runs; they are taken from the replica's share of
        /// the machine. Null: decoding and the model take turns, and each has the whole share.
        num_worker_preprocess: Option<usize> = None,
        /// Where the model runs; when that is not to be had the flow does not start.
        device: Device = Device::Cpu,
        /// The documents to encode; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}
