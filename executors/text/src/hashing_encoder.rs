//! `TextHashingEncoder`: lexical embeddings without a model. Texts that share words and parts of words are close.
//!
//! The encoder knows neither synonyms nor languages. Use it for near-duplicates, spelling variants, short texts about
//! the same topic, and flows that must run without a model.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, ContentKind, Document, Executor, ExecutorDescription,
    ExecutorError, ExecutorType, Fact, Instance, Tensor, parse_parameters,
};

use crate::features::feature_hashes;
use crate::hashing::embed;

flowrun_sdk::parameters! {
    /// Parameters of `TextHashingEncoder`.
    pub(crate) struct TextHashingEncoderParameters {
        /// Documents to encode.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Dimension of the embeddings; at least 8.
        dimension: usize = 512,
        /// Largest text that is encoded, in bytes. Encoding takes about 30 times this size in memory.
        bytes_max: usize = 1 << 20,
    }
}

/// The executor type `TextHashingEncoder`, which embeds texts without a model.
pub const TEXT_HASHING_ENCODER: ExecutorType = ExecutorType::new::<TextHashingEncoderParameters>(
    "TextHashingEncoder",
    "Computes an embedding of each text by hashing its words and their parts.",
    create,
)
.with_description(|build| {
    let parameters = parse_parameters::<TextHashingEncoderParameters>(build);
    let dimension = parameters.map_or(Fact::Unknown, |parameters| Fact::Known(Some(parameters.dimension)));
    ExecutorDescription::plain()
        .with_output_dimension(dimension)
        .with_needed_content(ContentKind::Text, build)
});

/// Smallest dimension: with fewer elements the vectors of most texts would be alike.
const DIMENSION_MIN: usize = 8;

/// Largest dimension: most texts have fewer distinct features, so that more elements would only cost memory.
const DIMENSION_MAX: usize = 1 << 16;

struct TextHashingEncoder(TextHashingEncoderParameters);

impl Executor for TextHashingEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            document.embedding = Some(self.encode(document)?);
            Ok(())
        })
    }
}

impl TextHashingEncoder {
    fn encode(&self, document: &Document) -> Result<Tensor, ExecutorError> {
        let text = document.text.as_ref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
        let TextHashingEncoderParameters { dimension, bytes_max, .. } = self.0;
        if text.len() > bytes_max {
            let bytes = text.len();
            let message = format_args!("the text has {bytes} bytes, more than the {bytes_max} allowed");
            return Err(ExecutorError::input(message));
        }
        let hashes = feature_hashes(text);
        if hashes.is_empty() {
            return Err(ExecutorError::input("the text has neither letters nor digits"));
        }
        let cancelled = || {
            format!("the words of the text cancel out in {dimension} dimensions; set a larger `dimension`")
        };
        embed(hashes, dimension).map(Tensor::vector).ok_or_else(|| ExecutorError::input(cancelled()))
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: TextHashingEncoderParameters = parse_parameters(build)?;
    let dimension = parameters.dimension;
    if !(DIMENSION_MIN..=DIMENSION_MAX).contains(&dimension) {
        let reason = format_args!("must be from {DIMENSION_MIN} to {DIMENSION_MAX}, but is {dimension}");
        return Err(BuildError::parameter("dimension", reason));
    }
    Ok(Instance::new(TextHashingEncoder(parameters)).with_output_dimension(Some(dimension)))
}
