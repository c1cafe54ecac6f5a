//! `OnnxTextEncoder`: an embedding of every text, by a model that the user has.

use std::path::{Path, PathBuf};

use flowrun_sdk::{
    AccessPaths, Allowance, Build, BuildError, Call, Document, ErrorKind, Executor, ExecutorError, Instance,
    Tensor, parse,
};

use super::model::TextModel;
use super::parameters::OnnxTextEncoderParameters;
use super::pooling::Pooling;
use super::settings::Settings;
use super::signature::Signature;
use super::tokenizer::{TextTokenizer, Tokens};
use crate::session::{Model, ModelError, Options};

/// What stands for the tokenizer of CLIP where a file is named otherwise.
const CLIP: &str = "clip";

/// Tokens that a model is tried with at the most: attention takes their square.
const TRIED_MAX: usize = 1024;

/// Makes an `OnnxTextEncoder`.
pub(super) fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: OnnxTextEncoderParameters = parse(build)?;
    let path = model_file(build.context.resolve(&with.model_path));
    let beside = path.parent().unwrap_or(Path::new(""));
    let settings = Settings::read(beside);
    let options = Options { threads: build.context.threads, device: with.device, ..Options::default() };
    let model = Model::open(&path, &options).map_err(|error| refused(&path, &error))?;
    let signature =
        Signature::of(model.inputs(), model.outputs(), with.output.as_deref(), with.pooling.is_some())
            .map_err(|error| refused(&path, &error))?;
    let length_max = with.max_length.or(settings.length_max);
    // What has a fixed number of places can be given no more.
    let length_max = signature.length.map(|length| length.min(length_max.unwrap_or(length))).or(length_max);
    let tokenizer = match &with.tokenizer {
        Some(name) if name == Path::new(CLIP) => TextTokenizer::clip(length_max)?,
        Some(file) => TextTokenizer::open(&build.context.resolve(file), length_max)?,
        None => TextTokenizer::open(&beside.join("tokenizer.json"), length_max)?,
    };
    let model = TextModel {
        model,
        signature,
        pooling: with.pooling.or(settings.pooling).unwrap_or(Pooling::Mean),
        normalizes: with.normalize.or(settings.normalize).unwrap_or(true),
        padding: tokenizer.padding(),
    };
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let rows_max = model.signature.rows.map_or(with.minibatch_size, |rows| rows.min(with.minibatch_size));
    let mut encoder = OnnxTextEncoder {
        tokenizer,
        model,
        prefix: with.prefix,
        rows_max,
        bytes_max: with.bytes_max,
        access_paths: with.access_paths,
    };
    encoder.try_out(&path, with.dimension)?;
    Ok(Instance::thread(encoder))
}

/// The model in a directory, where one is named.
fn model_file(path: PathBuf) -> PathBuf {
    if path.is_dir() { path.join("model.onnx") } else { path }
}

fn refused(path: &Path, error: &ModelError) -> BuildError {
    BuildError::parameter("model_path", format_args!("`{}`: {error}", path.display()))
}

/// Encodes texts.
struct OnnxTextEncoder {
    tokenizer: TextTokenizer,
    model: TextModel,
    prefix: String,
    /// Texts that go through the model at once, at the most.
    rows_max: usize,
    bytes_max: usize,
    access_paths: AccessPaths,
}

impl Executor for OnnxTextEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let allowance = call.allowance();
        call.each_together(
            &paths,
            |documents| self.encode(documents, &allowance),
            |document, vector| document.embedding = Some(Tensor::vector(vector)),
        )
    }
}

impl OnnxTextEncoder {
    /// Runs the model once, so that what does not fit is said before there is any document: the tokenizer's numbers, the
    /// places for tokens, the shape of the output, the dimension.
    fn try_out(&mut self, path: &Path, dimension: Option<usize>) -> Result<(), BuildError> {
        let last = self.tokenizer.last_id();
        let row = |length: usize| Tokens { ids: vec![last; length], types: vec![0; length] };
        let vectors = self.model.run(&[&row(1)]).map_err(|error| match error {
            ModelError::Run(reason) => {
                let reason = format_args!("is it that of the model? Its token {last} is not taken: {reason}");
                BuildError::parameter("tokenizer", reason)
            }
            error => refused(path, &error),
        })?;
        let found = vectors.first().map_or(0, Vec::len);
        if dimension.is_some_and(|dimension| dimension != found) {
            let reason = format_args!("must be {found}, which is what the model gives");
            return Err(BuildError::parameter("dimension", reason));
        }
        let length = self.tokenizer.length_max().min(TRIED_MAX);
        self.model.run(&[&row(length)]).map(drop).map_err(|error| {
            BuildError::parameter("max_length", format_args!("is {length}, and {error}: set it to less"))
        })
    }

    /// The vectors of documents; sorted by their length, so that those of a batch are padded little.
    fn encode(
        &mut self,
        documents: &[&Document],
        allowance: &Allowance,
    ) -> Result<Vec<Result<Vec<f32>, ExecutorError>>, ExecutorError> {
        let tokens: Vec<_> = documents.iter().map(|document| self.tokens(document)).collect();
        let good = tokens.iter().enumerate();
        let mut good: Vec<(usize, &Tokens)> =
            good.filter_map(|(place, tokens)| Some((place, tokens.as_ref().ok()?))).collect();
        good.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.ids.len()));
        let mut vectors: Vec<Option<Result<Vec<f32>, ExecutorError>>> = vec![None; documents.len()];
        for batch in good.chunks(self.rows_max) {
            allowance.check()?;
            let rows: Vec<&Tokens> = batch.iter().map(|(_, tokens)| *tokens).collect();
            for ((place, _), vector) in batch.iter().zip(self.vectors(&rows)) {
                if let Some(own) = vectors.get_mut(*place) {
                    *own = Some(vector);
                }
            }
        }
        let nothing = || Err(ExecutorError::new(ErrorKind::Internal, "the model gave no vector"));
        let each = vectors.into_iter().zip(&tokens);
        Ok(each
            .map(|(vector, tokens)| match tokens {
                Err(error) => Err(error.clone()),
                Ok(_) => vector.unwrap_or_else(nothing),
            })
            .collect())
    }

    /// The vectors of a batch. When it fails every text is tried alone, so that the bad one fails alone.
    fn vectors(&mut self, rows: &[&Tokens]) -> Vec<Result<Vec<f32>, ExecutorError>> {
        match self.model.run(rows) {
            Ok(vectors) => vectors.into_iter().map(Ok).collect(),
            Err(error) if rows.len() == 1 => vec![Err(ExecutorError::input(error))],
            Err(_) => rows.iter().flat_map(|row| self.vectors(&[row])).collect(),
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
