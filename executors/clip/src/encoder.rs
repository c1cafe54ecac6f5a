//! The executor `CLIPEncoder`: sends each document to the tower (text encoder or image encoder) for its content.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, Instance,
    RequestParameters, Tensor, Value, parse_parameters,
};

use crate::model_files::{self, ModelSource};
use crate::parameters::ClipEncoderParameters;
use crate::rank;
use crate::tower_pair::TowerPair;
use crate::towers::Towers;

/// Access paths of `/rank`: documents and their matches.
const RANK_ACCESS_PATHS: &str = "@r,m";

/// Creates a `CLIPEncoder` with the towers of `T`.
///
/// # Errors
/// When a parameter is invalid, or the model is missing or cannot be opened.
pub(crate) fn create<T: Towers>(build: &Build) -> Result<Instance, BuildError> {
    let with: ClipEncoderParameters = parse_parameters(build)?;
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let towers = match model_files::find(&with, &build.context)? {
        ModelSource::Files(files) => TowerPair::open_model::<T>(&files, &with, build)?,
        ModelSource::StandIn => TowerPair::stand_in::<T>(&with, build)?,
    };
    let dimension = towers.dimension.filter(|dimension| *dimension > 0);
    let encoder = ClipEncoder {
        towers,
        access_paths: with.traversal_paths.unwrap_or(with.access_paths),
        drop_image_content: with.drop_image_content,
        rank_access_paths: RANK_ACCESS_PATHS.parse().map_err(BuildError::failed)?,
    };
    Ok(Instance::new(encoder).with_output_dimension(dimension))
}

struct ClipEncoder {
    towers: TowerPair,
    access_paths: AccessPaths,
    drop_image_content: bool,
    rank_access_paths: AccessPaths,
}

impl Executor for ClipEncoder {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let drop_image_content = call.parameter("drop_image_content")?.unwrap_or(self.drop_image_content);
        // CLIP-as-service has `/rank/MODEL` to select a model; this executor has only one.
        let is_ranking = call.endpoint() == "/rank" || call.endpoint().starts_with("/rank/");
        let paths = if is_ranking {
            self.rank_access_paths.clone()
        } else {
            call.access_paths(&self.access_paths)?.into_owned()
        };
        let minibatch: Option<usize> = call.parameter("minibatch_size")?;
        let parameters =
            minibatch.into_iter().map(|size| ("minibatch_size".to_owned(), Value::from(size))).collect();
        let budget = call.budget();
        call.for_each_batch(
            &paths,
            |documents| encode(&mut self.towers, documents, &parameters, &budget),
            |document, (kind, embedding)| {
                if kind == ContentKind::None {
                    return;
                }
                document.embedding = embedding;
                if kind == ContentKind::Image && drop_image_content {
                    document.blob = None;
                    document.tensor = None;
                }
            },
        )?;
        if is_ranking { call.for_each(&AccessPaths::roots(), rank::rank) } else { Ok(()) }
    }
}

/// Kind of a document's content, which selects the tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContentKind {
    Text,
    Image,
    /// The document passes unchanged.
    None,
}

impl ContentKind {
    /// Kind of the content of `document`. A text takes precedence.
    fn of(document: &Document) -> Self {
        if document.text.as_ref().is_some_and(|text| !text.is_empty()) {
            Self::Text
        } else if document.blob.is_some() || document.tensor.is_some() || !document.uri.is_empty() {
            Self::Image
        } else {
            Self::None
        }
    }
}

/// Kind of content and embedding of a document, or the error of this document alone.
type Encoded = Result<(ContentKind, Option<Tensor>), ExecutorError>;

/// Encodes texts and images with their towers and returns the results in the order of the documents.
fn encode(
    towers: &mut TowerPair,
    documents: &[&Document],
    parameters: &RequestParameters,
    budget: &CallBudget,
) -> Result<Vec<Encoded>, ExecutorError> {
    let kinds: Vec<ContentKind> = documents.iter().map(|document| ContentKind::of(document)).collect();
    let with_kind = |kind: ContentKind| -> Vec<&Document> {
        documents.iter().zip(&kinds).filter(|(_, own)| **own == kind).map(|(document, _)| *document).collect()
    };
    let (texts, images) = (with_kind(ContentKind::Text), with_kind(ContentKind::Image));
    let mut encoded_texts = Vec::new().into_iter();
    if !texts.is_empty() {
        encoded_texts = towers.text.encode(&texts, parameters, budget)?.into_iter();
    }
    let mut encoded_images = Vec::new().into_iter();
    if !images.is_empty() {
        encoded_images = towers.image.encode(&images, parameters, budget)?.into_iter();
    }
    let next = |kind: ContentKind| match kind {
        ContentKind::Text => encoded_texts.next().unwrap_or(Ok(None)),
        ContentKind::Image => encoded_images.next().unwrap_or(Ok(None)),
        ContentKind::None => Ok(None),
    };
    Ok(kinds
        .iter()
        .copied()
        .zip(kinds.iter().copied().map(next))
        .map(|(kind, result)| Ok((kind, result?)))
        .collect())
}
