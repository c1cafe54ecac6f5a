//! The parameters of `CLIPEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Parameter, ParameterKind, Value};

/// Precision of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32-bit floats.
    Single,
    /// 16-bit floats.
    Half,
    /// 8-bit integers (quantised weights).
    Byte,
}

impl Parameter for Precision {
    const KIND: ParameterKind = ParameterKind::Other("`fp32`, `fp16` or `int8`");

    fn parse(value: &Value) -> Option<Self> {
        // PyTorch's spelling is accepted too, with or without `torch.`.
        let text = value.as_str()?;
        match text.strip_prefix("torch.").unwrap_or(text) {
            "fp32" | "float32" => Some(Self::Single),
            "fp16" | "float16" => Some(Self::Half),
            "int8" | "uint8" => Some(Self::Byte),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        Value::from(match self {
            Self::Single => "fp32",
            Self::Half => "fp16",
            Self::Byte => "int8",
        })
    }
}

flowrun_sdk::parameters! {
    /// Parameters of CLIP-as-service, and those of the stand-in.
    pub(crate) struct ClipEncoderParameters {
        /// Name of the model. Without `model_path` the model is read from the directory of this name (`::` and `/` become
        /// `-`) in `~/.cache/flowrun/models` or `~/.cache/clip`.
        name: String = "ViT-B-32::openai".to_owned(),
        /// Device of the model: `cpu`, `cuda` or `tensorrt`; null for `cpu`. If the device is not available, the flow
        /// does not start.
        device: Option<String> = None,
        /// Accepted for compatibility, without effect.
        jit: bool = false,
        /// Precision of the model files: `fp32` selects `visual.onnx` and `textual.onnx`, `fp16` those with the suffix
        /// `_fp16`, `int8` those with `_int8` or `_quantized`.
        dtype: Precision = Precision::Single,
        /// Directory of the model's ONNX files: `visual.onnx` and `textual.onnx` of CLIP-as-service, or
        /// `vision_model.onnx` and `text_model.onnx` of Hugging Face. Null to find the model by its name.
        model_path: Option<PathBuf> = None,
        /// Encodes without a model, unless `model_path` is set: texts by their words, images by their colours and edges,
        /// so that texts do not find images. `--stand-in` on the command line sets it.
        stand_in: bool = false,
        /// Number of threads that preprocess the next images while the model runs; null to alternate preprocessing and
        /// model on all threads.
        num_worker_preprocess: Option<usize> = None,
        /// Largest number of documents per model run.
        minibatch_size: usize = 32,
        /// Dimension of the embeddings; null for that of the model.
        dimension: Option<usize> = None,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as CLIP in
        /// Python does.
        exif: bool = false,
        /// Drops the content of images after they are encoded; overridden by the request's `drop_image_content`.
        drop_image_content: bool = false,
        /// Documents to encode; overridden by the request's `access_paths`.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Older name of `access_paths`.
        traversal_paths: Option<AccessPaths> = None,
    }
}
