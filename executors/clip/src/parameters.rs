//! The parameters of `CLIPEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Parameter, ParameterKind, Value};

/// How exact the numbers of a model are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// 32 bits.
    Single,
    /// 16 bits.
    Half,
    /// 8 bits, in weights.
    Byte,
}

impl Parameter for Precision {
    const KIND: ParameterKind = ParameterKind::Other("`fp32`, `fp16` or `int8`");

    fn parse(value: &Value) -> Option<Self> {
        // As PyTorch spells them too.
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
    /// Those of CLIP-as-service, and the dimension of the stand-in.
    pub(crate) struct ClipEncoderParameters {
        /// Which model; as long as there is none it says how long an embedding is.
        name: String = "ViT-B-32::openai".to_owned(),
        /// Where the model runs: `cpu`, `cuda` or `tensorrt`; null for the processor. When that is not to be had the
        /// flow does not start.
        device: Option<String> = None,
        /// Accepted without effect.
        jit: bool = false,
        /// Which files of the model are taken: `visual.onnx` and `textual.onnx`, or those whose names end in `_fp16` or
        /// `_int8`.
        dtype: Precision = Precision::Single,
        /// A directory with the model as ONNX files: `visual.onnx` and `textual.onnx` of CLIP-as-service, or
        /// `vision_model.onnx` and `text_model.onnx` of Hugging Face. Null: there is no model, and something stands in.
        model_path: Option<PathBuf> = None,
        /// Threads that make the next pictures ready while the model runs; null: decoding and the model take turns.
        num_worker_preprocess: Option<usize> = None,
        /// Documents that go through the model at once, at the most.
        minibatch_size: usize = 32,
        /// Numbers of an embedding; null for those of the model.
        dimension: Option<usize> = None,
        /// Whether pictures are dropped once they are encoded; the request's `drop_image_content` goes before.
        drop_image_content: bool = false,
        /// The documents to encode; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// The same, as older versions call it.
        traversal_paths: Option<AccessPaths> = None,
    }
}
