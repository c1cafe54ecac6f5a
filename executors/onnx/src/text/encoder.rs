//! The executor `OnnxTextEncoder`.

use std::path::{Path, PathBuf};

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Cancellation, ContentKind, Document, ErrorKind,
    Executor, ExecutorDescription, ExecutorError, Instance, ModelState, Tensor, parse_parameters,
};

use super::model::TextModel;
use super::parameters::{OnnxTextEncoderParameters, Preset};
use super::pooling::Pooling;
use super::sentence_transformers::SentenceTransformersConfig;
use super::signature::Signature;
use super::tokenizer::TextTokenizer;
use super::tokens::{CLIP_CONTEXT, Tokens};
use crate::session::{Model, ModelError, Options};

/// File name of the tokenizer in the model's directory.
const TOKENIZER: &str = "tokenizer.json";

/// Largest number of tokens in the validation run. The cost of attention is quadratic in it.
const VALIDATION_TOKENS_MAX: usize = 1024;

/// Describes the encoder: its model exists or not.
pub(super) fn describe(build: &Build) -> ExecutorDescription {
    let model = parse_parameters::<OnnxTextEncoderParameters>(build).map_or(ModelState::Unknown, |with| {
        ModelState::of_file(&model_file(build.context.resolve(&with.model_path)))
    });
    ExecutorDescription::encoder(model).with_needed_content(ContentKind::Text, build)
}

/// Creates an `OnnxTextEncoder`.
pub(super) fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: OnnxTextEncoderParameters = parse_parameters(build)?;
    let path = model_file(build.context.resolve(&with.model_path));
    let directory = model_directory(&path);
    let config = SentenceTransformersConfig::read(directory);
    let options = Options { threads: build.context.threads, device: with.device, ..Options::default() };
    let model = Model::open(&path, &options).map_err(|error| model_error(&path, &error))?;
    let signature =
        Signature::read(model.inputs(), model.outputs(), with.output.as_deref(), with.pooling.is_some())
            .map_err(|error| model_error(&path, &error))?;
    let tokenizer = tokenizer(&with, build, directory, max_tokens(&with, config, &signature))?;
    let model = TextModel {
        model,
        signature,
        pooling: with.pooling.or(config.pooling).unwrap_or(Pooling::Mean),
        normalize: with.normalize.or(config.normalize).unwrap_or(with.preset.is_none()),
        padding: tokenizer.padding(),
    };
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let mut encoder = OnnxTextEncoder {
        tokenizer,
        model,
        prefix: with.prefix,
        minibatch_size: with.minibatch_size,
        bytes_max: with.bytes_max,
        access_paths: with.access_paths,
    };
    let dimension = encoder.validate_model(&path, with.dimension)?;
    Ok(Instance::new(encoder).with_output_dimension(Some(dimension)))
}

/// Largest number of tokens of a text, bounded by the length of the model's input if that is fixed.
fn max_tokens(
    with: &OnnxTextEncoderParameters,
    config: SentenceTransformersConfig,
    signature: &Signature,
) -> Option<usize> {
    let wanted = with.max_length.or(config.max_tokens).or(with.preset.map(|Preset::Clip| CLIP_CONTEXT));
    signature.length.map(|length| length.min(wanted.unwrap_or(length))).or(wanted)
}

/// Opens the configured tokenizer, else the one in the model's directory, else that of the preset.
fn tokenizer(
    with: &OnnxTextEncoderParameters,
    build: &Build,
    directory: &Path,
    max_tokens: Option<usize>,
) -> Result<TextTokenizer, BuildError> {
    let own = directory.join(TOKENIZER);
    match (&with.tokenizer, with.preset) {
        (Some(file), _) => TextTokenizer::open(&build.context.resolve(file), max_tokens),
        (None, Some(Preset::Clip)) if !own.exists() => TextTokenizer::clip(max_tokens),
        (None, _) => TextTokenizer::open(&own, max_tokens),
    }
}

/// Path of the model file. In a directory it is `onnx/model.onnx`, as on the Hugging Face hub, or `model.onnx`.
fn model_file(path: PathBuf) -> PathBuf {
    if !path.is_dir() {
        return path;
    }
    let below = path.join("onnx/model.onnx");
    if below.is_file() { below } else { path.join("model.onnx") }
}

/// Directory of the files that belong to a model: its own, or the parent of `onnx/`.
fn model_directory(file: &Path) -> &Path {
    let own = file.parent().unwrap_or(Path::new(""));
    let is_below = own.ends_with("onnx") && !own.join(TOKENIZER).exists();
    if is_below { own.parent().unwrap_or(own) } else { own }
}

fn model_error(path: &Path, error: &ModelError) -> BuildError {
    BuildError::parameter("model_path", format_args!("`{}`: {error}", path.display()))
}

/// The executor.
struct OnnxTextEncoder {
    tokenizer: TextTokenizer,
    model: TextModel,
    prefix: String,
    minibatch_size: usize,
    bytes_max: usize,
    access_paths: AccessPaths,
}

impl Executor for OnnxTextEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        let minibatch_size = call.parameter("minibatch_size")?.unwrap_or(self.minibatch_size).max(1);
        call.for_each_batch(
            &paths,
            |documents| self.encode(documents, minibatch_size, &budget),
            |document, vector| document.embedding = Some(Tensor::vector(vector)),
        )
    }
}

impl OnnxTextEncoder {
    /// Validates the model with two runs before any document is processed: the tokenizer's ids, the number of tokens,
    /// the shape of the output and the dimension, which is returned.
    fn validate_model(&mut self, path: &Path, dimension: Option<usize>) -> Result<usize, BuildError> {
        let last = self.tokenizer.last_id();
        let row = |length: usize| Tokens { ids: vec![last; length], types: vec![0; length] };
        let vectors = self.model.run(&[&row(1)], &Cancellation::default()).map_err(|error| match error {
            ModelError::Run(reason) => {
                let reason =
                    format_args!("may belong to another model: the model rejects its token {last}: {reason}");
                BuildError::parameter("tokenizer", reason)
            }
            error => model_error(path, &error),
        })?;
        let found = vectors.first().map_or(0, Vec::len);
        if dimension.is_some_and(|dimension| dimension != found) {
            let reason = format_args!("must be {found}, the dimension of the model");
            return Err(BuildError::parameter("dimension", reason));
        }
        let length = self.tokenizer.max_tokens().min(VALIDATION_TOKENS_MAX);
        self.model.run(&[&row(length)], &Cancellation::default()).map(|_| found).map_err(|error| {
            BuildError::parameter("max_length", format_args!("is {length}, but {error}: reduce it"))
        })
    }

    /// Encodes documents in batches that are sorted by length, to minimise padding.
    fn encode(
        &mut self,
        documents: &[&Document],
        minibatch_size: usize,
        budget: &CallBudget,
    ) -> Result<Vec<Result<Vec<f32>, ExecutorError>>, ExecutorError> {
        let tokens: Vec<_> = documents.iter().map(|document| self.tokens(document)).collect();
        let good = tokens.iter().enumerate();
        let mut good: Vec<(usize, &Tokens)> =
            good.filter_map(|(position, tokens)| Some((position, tokens.as_ref().ok()?))).collect();
        good.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.ids.len()));
        let mut vectors: Vec<Option<Result<Vec<f32>, ExecutorError>>> = vec![None; documents.len()];
        let rows_max = self.model.signature.rows.map_or(minibatch_size, |rows| rows.min(minibatch_size));
        for batch in good.chunks(rows_max) {
            budget.check()?;
            let rows: Vec<&Tokens> = batch.iter().map(|(_, tokens)| *tokens).collect();
            for ((position, _), vector) in batch.iter().zip(self.vectors(&rows, budget)?) {
                if let Some(own) = vectors.get_mut(*position) {
                    *own = Some(vector);
                }
            }
        }
        let nothing = || Err(ExecutorError::new(ErrorKind::Internal, "the model returned no vector"));
        let each = vectors.into_iter().zip(&tokens);
        Ok(each
            .map(|(vector, tokens)| match tokens {
                Err(error) => Err(error.clone()),
                Ok(_) => vector.unwrap_or_else(nothing),
            })
            .collect())
    }

    /// Encodes a batch. If it fails, every text is encoded separately, so that the bad one fails alone.
    ///
    /// # Errors
    /// Those of [`CallBudget::check`], if the request ended meanwhile.
    fn vectors(
        &mut self,
        rows: &[&Tokens],
        budget: &CallBudget,
    ) -> Result<Vec<Result<Vec<f32>, ExecutorError>>, ExecutorError> {
        match self.model.run(rows, budget.cancellation()) {
            Ok(vectors) => Ok(vectors.into_iter().map(Ok).collect()),
            Err(error) => {
                budget.check()?;
                if rows.len() == 1 {
                    return Ok(vec![Err(ExecutorError::input(error))]);
                }
                let mut vectors = Vec::with_capacity(rows.len());
                for row in rows {
                    vectors.append(&mut self.vectors(&[row], budget)?);
                }
                Ok(vectors)
            }
        }
    }

    fn tokens(&self, document: &Document) -> Result<Tokens, ExecutorError> {
        let text =
            document.text.as_deref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
        if text.len() > self.bytes_max {
            let (bytes, bytes_max) = (text.len(), self.bytes_max);
            let message = format_args!("the text has {bytes} bytes, more than the {bytes_max} allowed");
            return Err(ExecutorError::input(message));
        }
        match self.prefix.as_str() {
            "" => self.tokenizer.encode(text),
            prefix => self.tokenizer.encode(&format!("{prefix}{text}")),
        }
    }
}
