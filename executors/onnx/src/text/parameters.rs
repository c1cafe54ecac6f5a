//! The parameters of `OnnxTextEncoder`.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, choice};

use super::pooling::Pooling;
use crate::session::Device;

choice! {
    /// What models of that name want of texts.
    pub(crate) enum Preset {
        /// CLIP's tower for texts: 77 tokens of its own vocabulary, vectors of any length.
        Clip = "clip",
    }
}

flowrun_sdk::parameters! {
    /// The model, its tokenizer, and what becomes of what it says. What is null is taken from the files that
    /// sentence-transformers keeps beside a model, where there are such.
    pub(crate) struct OnnxTextEncoderParameters {
        /// The model: an ONNX file, or a directory with a `model.onnx`.
        model_path: PathBuf,
        /// What models of that name want: `clip` as OpenAI trains them, whose vocabulary is built in.
        preset: Option<Preset> = None,
        /// The `tokenizer.json` of the model; null for the one beside it.
        tokenizer: Option<PathBuf> = None,
        /// Tokens of a text at the most, special ones among them; what is behind them is cut off. Null without such files:
        /// what `tokenizer.json` says, else 512.
        max_length: Option<usize> = None,
        /// How the vectors of tokens become one; null without such files: `mean`. An output with a vector for each text
        /// is taken as it is.
        pooling: Option<Pooling> = None,
        /// Whether embeddings are brought to length 1; null without such files: they are.
        normalize: Option<bool> = None,
        /// Put before every text, as in `query: ` or `passage: `, where the model was trained so.
        prefix: String = String::new(),
        /// The output that holds the embedding, by its name or its place from 0; null for the one called
        /// `sentence_embedding`, `text_embeds` or `last_hidden_state`, else the first.
        output: Option<String> = None,
        /// How many numbers an embedding has; checked against the model before there is any document.
        dimension: Option<usize> = None,
        /// Texts that go through the model at once, at the most. They are sorted by their length, so that little is
        /// padded. The request's `minibatch_size` goes before.
        minibatch_size: usize = 32,
        /// Where the model runs; when that is not to be had the flow does not start.
        device: Device = Device::Cpu,
        /// The largest text that is encoded, in bytes.
        bytes_max: usize = 1 << 20,
        /// The documents to encode; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}
