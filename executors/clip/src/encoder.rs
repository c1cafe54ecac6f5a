//! Which document goes up which tower.

use flowrun_sdk::{
    AccessPaths, Allowance, Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType,
    Instance, RequestParameters, Tensor, Value, Worker, parse, tracing,
};

use crate::Towers;
use crate::model;
use crate::parameters::ClipEncoderParameters;
use crate::rank;

/// What `/rank` compares: documents and their matches.
const RANKED: &str = "@r,m";

/// Makes a `CLIPEncoder`.
pub(crate) fn create<T: Towers>(build: &Build) -> Result<Instance, BuildError> {
    let with: ClipEncoderParameters = parse(build)?;
    if with.model_path.is_some() {
        return Err(BuildError::parameter("model_path", "ONNX models are not available in this version"));
    }
    let Some(dimension) = with.dimension.or_else(|| model::dimension(&with.name)) else {
        let reason = format_args!("`{}` is no model of CLIP: set `dimension`, or name another", with.name);
        return Err(BuildError::parameter("name", reason));
    };
    tracing::warn!(
        executor = "CLIPEncoder",
        name = with.name,
        "there is no model: texts are hashed by their words and pictures described by their colours and edges, so that \
         a text finds texts and a picture finds pictures"
    );
    let encoder = ClipEncoder {
        text: tower(&T::TEXT, dimension, build)?,
        picture: tower(&T::PICTURE, dimension, build)?,
        access_paths: with.traversal_paths.unwrap_or(with.access_paths),
        ranked: RANKED.parse().map_err(BuildError::failed)?,
    };
    Ok(Instance::thread(encoder))
}

/// One half, for the documents that it is handed one by one.
fn tower(kind: &ExecutorType, dimension: usize, build: &Build) -> Result<Box<dyn Executor>, BuildError> {
    let with = [("dimension", Value::from(dimension)), ("access_paths", Value::from("@r"))];
    let with = with.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    match kind.create(&Build { with, context: build.context.clone() })?.worker {
        Worker::Thread(executor) => Ok(executor),
        Worker::Task(_) => Err(BuildError::failed(format_args!("`{}` does not compute", kind.name))),
    }
}

/// Encodes and ranks.
struct ClipEncoder {
    text: Box<dyn Executor>,
    picture: Box<dyn Executor>,
    access_paths: AccessPaths,
    ranked: AccessPaths,
}

impl Executor for ClipEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let drops_pictures = call.parameter("drop_image_content")?.unwrap_or(false);
        // A client that wants another model asks at `/rank/MODEL`; there is one here.
        let is_ranking = call.endpoint() == "/rank" || call.endpoint().starts_with("/rank/");
        let paths = if is_ranking {
            self.ranked.clone()
        } else {
            call.access_paths(&self.access_paths)?.into_owned()
        };
        let allowance = call.allowance();
        call.each(&paths, |document| self.encode(document, drops_pictures, &allowance))?;
        if is_ranking { call.each(&AccessPaths::roots(), rank::rank) } else { Ok(()) }
    }
}

impl ClipEncoder {
    /// Gives a document its embedding. One without content stays as it is.
    fn encode(
        &mut self,
        document: &mut Document,
        drops_pictures: bool,
        allowance: &Allowance,
    ) -> Result<(), ExecutorError> {
        let is_text = document.text.as_ref().is_some_and(|text| !text.is_empty());
        let is_picture = document.blob.is_some() || document.tensor.is_some() || !document.uri.is_empty();
        if is_text {
            document.embedding = embedding(&mut *self.text, document, allowance)?;
        } else if is_picture {
            document.embedding = embedding(&mut *self.picture, document, allowance)?;
            if drops_pictures {
                document.blob = None;
                document.tensor = None;
            }
        }
        Ok(())
    }
}

/// What a tower makes of a document.
fn embedding(
    tower: &mut dyn Executor,
    document: &Document,
    allowance: &Allowance,
) -> Result<Option<Tensor>, ExecutorError> {
    let content = Document {
        text: document.text.clone().filter(|text| !text.is_empty()),
        blob: document.blob.clone(),
        tensor: document.tensor.clone(),
        uri: document.uri.clone(),
        mime_type: document.mime_type.clone(),
        ..Document::new(document.id.clone())
    };
    let none = RequestParameters::new();
    let mut call = Call::under(allowance, "/encode", [content].into_iter().collect(), &none);
    tower.execute(&mut call)?;
    let answer = call.finish();
    match answer.failures.into_iter().next() {
        Some(failure) => Err(failure.error),
        None => Ok(answer.documents.into_vec().pop().and_then(|encoded| encoded.embedding)),
    }
}
