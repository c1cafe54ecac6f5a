//! Parameters of `OnnxTextEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, choice};

use super::pooling::Pooling;
use crate::session::Device;

choice! {
    /// Preprocessing of known text models.
    pub(crate) enum Preset {
        /// CLIP's text tower: 77 tokens of its vocabulary; embeddings are not normalised.
        Clip = "clip",
    }
}

flowrun_sdk::parameters! {
    /// Parameters of `OnnxTextEncoder`. Parameters that are null are read from the files of sentence-transformers in
    /// the model's directory, if they exist.
    pub(crate) struct OnnxTextEncoderParameters {
        /// The model: an ONNX file, or a directory that contains `onnx/model.onnx` or `model.onnx`.
        model_path: PathBuf,
        /// Settings of a known model: `clip` for OpenAI's text towers, whose vocabulary is built in.
        preset: Option<Preset> = None,
        /// Path of the model's `tokenizer.json`; null for the one in the model's directory.
        tokenizer: Option<PathBuf> = None,
        /// Largest number of tokens of a text, including special tokens; longer texts are truncated. The default
        /// without configuration files is that of `tokenizer.json`, else 512.
        max_length: Option<usize> = None,
        /// Pooling of token vectors; the default without configuration files is `mean`. An output with one vector per
        /// text is not pooled.
        pooling: Option<Pooling> = None,
        /// Scales embeddings to length 1; the default without configuration files is true, and false with a preset.
        normalize: Option<bool> = None,
        /// Prefix of every text, such as `query: ` or `passage: ` for models that were trained with prefixes.
        prefix: String = String::new(),
        /// Output with the embedding, by name or index from 0; null for `sentence_embedding`, `text_embeds`,
        /// `last_hidden_state` or `token_embeddings`, else the first.
        output: Option<String> = None,
        /// Dimension of the embeddings; checked against the model at start.
        dimension: Option<usize> = None,
        /// Largest number of texts per model run; overridden by the request's `minibatch_size`. Texts are sorted by
        /// length to minimise padding.
        minibatch_size: usize = 32,
        /// Device of the model. If it is not available, the flow does not start.
        device: Device = Device::Cpu,
        /// Largest text that is encoded, in bytes.
        bytes_max: usize = 1 << 20,
        /// Documents to encode; overridden by the request's `access_paths`.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}
