//! The two halves, made: of a model in a directory, or of what stands in for one.

use std::path::{Path, PathBuf};

use flowrun_sdk::{
    BoxedExecutor, Build, BuildError, Call, CallBudget, Document, Documents, ErrorKind, Executor,
    ExecutorError, ExecutorType, RawParameters, RequestParameters, Tensor, Value, tracing,
};

use crate::Towers;
use crate::dimensions;
use crate::parameters::{ClipEncoderParameters, Precision};

/// Both halves.
pub(crate) struct Pair {
    pub(crate) text: Half,
    pub(crate) picture: Half,
    /// How many numbers the embeddings have.
    pub(crate) dimension: usize,
}

/// One half.
pub(crate) struct Half(Box<dyn Executor>);

/// What the halves of a model are called in a directory: as CLIP-as-service exports them, and as Hugging Face does.
const PICTURE_FILES: [&str; 2] = ["visual", "vision_model"];
const TEXT_FILES: [&str; 2] = ["textual", "text_model"];

impl Pair {
    /// What stands in when there is no model.
    pub(crate) fn without_model<T: Towers>(
        with: &ClipEncoderParameters,
        build: &Build,
    ) -> Result<Self, BuildError> {
        let Some(dimension) = with.dimension.or_else(|| dimensions::dimension(&with.name)) else {
            let reason =
                format_args!("`{}` is no model of CLIP: set `dimension`, or name another", with.name);
            return Err(BuildError::parameter("name", reason));
        };
        tracing::warn!(
            executor = "CLIPEncoder",
            name = with.name,
            "there is no model: texts are hashed by their words and pictures described by their colours and edges, so \
             that a text finds texts and a picture finds pictures; set `model_path` to a directory with a model"
        );
        let parameters = || parameters([("dimension", Value::from(dimension))]);
        let (text, _) = Half::of(&T::TEXT_FALLBACK, parameters(), build)?;
        let (picture, _) = Half::of(&T::IMAGE_FALLBACK, parameters(), build)?;
        Ok(Self { text, picture, dimension })
    }

    /// The model in that directory.
    pub(crate) fn of_model<T: Towers>(
        directory: &Path,
        with: &ClipEncoderParameters,
        build: &Build,
    ) -> Result<Self, BuildError> {
        let file = |names| file(&build.context.resolve(directory), names, with.dtype);
        let shared = |path: PathBuf| {
            let device =
                with.device.as_deref().map_or("cpu", |device| device.split(':').next().unwrap_or(device));
            parameters([
                ("model_path", Value::from(path.to_string_lossy())),
                ("preset", Value::from("clip")),
                ("device", Value::from(device)),
                ("minibatch_size", Value::from(with.minibatch_size)),
            ])
        };
        let mut pictures = shared(file(PICTURE_FILES)?);
        if let Some(workers) = with.num_worker_preprocess {
            pictures.insert("num_worker_preprocess".to_owned(), Value::from(workers));
        }
        let (picture, picture_dimension) = Half::of(&T::IMAGE_MODEL, pictures, build)?;
        let (text, text_dimension) = Half::of(&T::TEXT_MODEL, shared(file(TEXT_FILES)?), build)?;
        let dimension = match (picture_dimension, text_dimension, with.dimension) {
            (Some(picture), Some(text), _) if picture != text => {
                let reason = format_args!(
                    "its pictures become {picture} numbers and its texts {text}: they are of two models"
                );
                return Err(BuildError::parameter("model_path", reason));
            }
            (Some(own), _, Some(said)) | (_, Some(own), Some(said)) if own != said => {
                return Err(BuildError::parameter(
                    "dimension",
                    format_args!("the model's embeddings have {own} numbers"),
                ));
            }
            (Some(own), _, _) | (_, Some(own), _) | (_, _, Some(own)) => own,
            (None, None, None) => 0,
        };
        Ok(Self { text, picture, dimension })
    }
}

/// The file of one half.
fn file(directory: &Path, names: [&str; 2], precision: Precision) -> Result<PathBuf, BuildError> {
    let endings: &[&str] = match precision {
        Precision::Single => &[""],
        Precision::Half => &["_fp16"],
        Precision::Byte => &["_int8", "_quantized"],
    };
    let candidates =
        names.iter().flat_map(|name| endings.iter().map(move |ending| format!("{name}{ending}.onnx")));
    let candidates: Vec<PathBuf> = candidates.map(|name| directory.join(name)).collect();
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let names: Vec<String> = candidates
            .iter()
            .filter_map(|path| Some(format!("`{}`", path.file_name()?.to_string_lossy())))
            .collect();
        let reason = format_args!("{} holds no {}", directory.display(), names.join(" and no "));
        BuildError::parameter("model_path", reason)
    })
}

fn parameters<const N: usize>(with: [(&str, Value); N]) -> RawParameters {
    let paths = ("access_paths", Value::from("@r"));
    with.into_iter().chain([paths]).map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Half {
    /// One half, and how many numbers its embeddings have when it knows.
    fn of(
        kind: &ExecutorType,
        with: RawParameters,
        build: &Build,
    ) -> Result<(Self, Option<usize>), BuildError> {
        let made =
            kind.create(&Build { with, context: build.context.clone() }).map_err(|error| match error {
                // What it was given follows from this parameter, which the user wrote.
                BuildError::Parameter { name, reason } if name != "device" => {
                    BuildError::parameter("model_path", format_args!("{}: {reason}", kind.name))
                }
                error => error,
            })?;
        match made.executor {
            BoxedExecutor::Sync(executor) => Ok((Self(executor), made.output_dimension)),
            BoxedExecutor::Async(_) => {
                Err(BuildError::failed(format_args!("`{}` does not compute", kind.name)))
            }
        }
    }

    /// What it makes of documents, all at once.
    pub(crate) fn encode(
        &mut self,
        documents: &[&Document],
        parameters: &RequestParameters,
        budget: &CallBudget,
    ) -> Result<Vec<Result<Option<Tensor>, ExecutorError>>, ExecutorError> {
        let contents: Documents =
            documents.iter().enumerate().map(|(place, document)| content(place, document)).collect();
        let mut call = Call::with_budget(budget, "/encode", contents, parameters);
        self.0.execute(&mut call)?;
        let answer = call.into_answer();
        let lost = || ExecutorError::new(ErrorKind::Internal, "an encoder lost a document");
        let mut results: Vec<Result<Option<Tensor>, ExecutorError>> =
            documents.iter().map(|_| Err(lost())).collect();
        let mut settle = |id: &str, result| {
            if let Some(place) = id.parse::<usize>().ok().and_then(|place| results.get_mut(place)) {
                *place = result;
            }
        };
        answer.failures.into_iter().for_each(|failure| settle(&failure.id, Err(failure.error)));
        answer
            .documents
            .into_vec()
            .into_iter()
            .for_each(|encoded| settle(&encoded.id, Ok(encoded.embedding)));
        Ok(results)
    }
}

/// What of a document is encoded, under its place among the others.
fn content(place: usize, document: &Document) -> Document {
    Document {
        text: document.text.clone().filter(|text| !text.is_empty()),
        blob: document.blob.clone(),
        tensor: document.tensor.clone(),
        uri: document.uri.clone(),
        mime_type: document.mime_type.clone(),
        ..Document::new(place.to_string())
    }
}
