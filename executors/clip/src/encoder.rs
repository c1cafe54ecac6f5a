//! Which document goes up which tower.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, Instance,
    RequestParameters, Tensor, Value, parse_parameters,
};

use crate::Towers;
use crate::parameters::ClipEncoderParameters;
use crate::rank;
use crate::towers::Pair;

/// What `/rank` compares: documents and their matches.
const RANKED: &str = "@r,m";

/// Makes a `CLIPEncoder`.
pub(crate) fn create<T: Towers>(build: &Build) -> Result<Instance, BuildError> {
    let with: ClipEncoderParameters = parse_parameters(build)?;
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let pair = match &with.model_path {
        Some(directory) => Pair::of_model::<T>(directory, &with, build)?,
        None => Pair::without_model::<T>(&with, build)?,
    };
    let dimension = Some(pair.dimension).filter(|dimension| *dimension > 0);
    let encoder = ClipEncoder {
        pair,
        access_paths: with.traversal_paths.unwrap_or(with.access_paths),
        drops_pictures: with.drop_image_content,
        ranked: RANKED.parse().map_err(BuildError::failed)?,
    };
    Ok(Instance::new(encoder).with_output_dimension(dimension))
}

/// Encodes and ranks.
struct ClipEncoder {
    pair: Pair,
    access_paths: AccessPaths,
    drops_pictures: bool,
    ranked: AccessPaths,
}

impl Executor for ClipEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let drops_pictures = call.parameter("drop_image_content")?.unwrap_or(self.drops_pictures);
        // A client that wants another model asks at `/rank/MODEL`; there is one here.
        let is_ranking = call.endpoint() == "/rank" || call.endpoint().starts_with("/rank/");
        let paths = if is_ranking {
            self.ranked.clone()
        } else {
            call.access_paths(&self.access_paths)?.into_owned()
        };
        let minibatch: Option<usize> = call.parameter("minibatch_size")?;
        let parameters =
            minibatch.into_iter().map(|size| ("minibatch_size".to_owned(), Value::from(size))).collect();
        let budget = call.budget();
        call.for_each_batch(
            &paths,
            |documents| encode(&mut self.pair, documents, &parameters, &budget),
            |document, (kind, embedding)| {
                if kind == Content::None {
                    return;
                }
                document.embedding = embedding;
                if kind == Content::Picture && drops_pictures {
                    document.blob = None;
                    document.tensor = None;
                }
            },
        )?;
        if is_ranking { call.for_each(&AccessPaths::roots(), rank::rank) } else { Ok(()) }
    }
}

/// What there is of a document to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Text,
    Picture,
    /// It stays as it is.
    None,
}

impl Content {
    fn of(document: &Document) -> Self {
        if document.text.as_ref().is_some_and(|text| !text.is_empty()) {
            Self::Text
        } else if document.blob.is_some() || document.tensor.is_some() || !document.uri.is_empty() {
            Self::Picture
        } else {
            Self::None
        }
    }
}

type Encoded = Result<(Content, Option<Tensor>), ExecutorError>;

/// Sends the texts up one tower and the pictures up the other, and puts what comes back in the documents' order.
fn encode(
    pair: &mut Pair,
    documents: &[&Document],
    parameters: &RequestParameters,
    budget: &CallBudget,
) -> Result<Vec<Encoded>, ExecutorError> {
    let kinds: Vec<Content> = documents.iter().map(|document| Content::of(document)).collect();
    let of_kind = |kind: Content| -> Vec<&Document> {
        documents.iter().zip(&kinds).filter(|(_, own)| **own == kind).map(|(document, _)| *document).collect()
    };
    let (texts, pictures) = (of_kind(Content::Text), of_kind(Content::Picture));
    let mut encoded_texts = Vec::new().into_iter();
    if !texts.is_empty() {
        encoded_texts = pair.text.encode(&texts, parameters, budget)?.into_iter();
    }
    let mut encoded_pictures = Vec::new().into_iter();
    if !pictures.is_empty() {
        encoded_pictures = pair.picture.encode(&pictures, parameters, budget)?.into_iter();
    }
    let next = |kind: Content| match kind {
        Content::Text => encoded_texts.next().unwrap_or(Ok(None)),
        Content::Picture => encoded_pictures.next().unwrap_or(Ok(None)),
        Content::None => Ok(None),
    };
    Ok(kinds
        .iter()
        .copied()
        .zip(kinds.iter().copied().map(next))
        .map(|(kind, result)| Ok((kind, result?)))
        .collect())
}
