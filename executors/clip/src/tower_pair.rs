//! The text tower and the image tower of a CLIP model, or their fallbacks.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Build, BuildError, RawParameters, Value, tracing};

use crate::dimensions;
use crate::parameters::{ClipEncoderParameters, Precision};
use crate::tower::Tower;
use crate::towers::Towers;

/// Both towers.
pub(crate) struct TowerPair {
    pub(crate) text: Tower,
    pub(crate) image: Tower,
    /// Dimension of the embeddings, if it is known.
    pub(crate) dimension: Option<usize>,
}

/// Names of the image tower's file, without precision and extension: of CLIP-as-service and of Hugging Face.
const IMAGE_FILES: [&str; 2] = ["visual", "vision_model"];

/// Names of the text tower's file, like [`IMAGE_FILES`].
const TEXT_FILES: [&str; 2] = ["textual", "text_model"];

impl TowerPair {
    /// Creates the fallbacks and logs a warning.
    ///
    /// # Errors
    /// When the model's name does not determine the dimension and `dimension` is not set.
    pub(crate) fn fallback<T: Towers>(
        with: &ClipEncoderParameters,
        build: &Build,
    ) -> Result<Self, BuildError> {
        let Some(dimension) = with.dimension.or_else(|| dimensions::dimension(&with.name)) else {
            let reason = format_args!(
                "`{}` is not a known CLIP model; set `dimension`, or the name of another model",
                with.name
            );
            return Err(BuildError::parameter("name", reason));
        };
        tracing::warn!(
            executor = "CLIPEncoder",
            name = with.name,
            "no model is configured: texts are encoded by their words and images by their colours and edges, so that \
             texts find only texts and images only images; set `model_path` to a directory with a model"
        );
        let parameters = || tower_parameters([("dimension", Value::from(dimension))]);
        let (text, _) = Tower::create(&T::TEXT_FALLBACK, parameters(), build)?;
        let mut image_parameters = parameters();
        image_parameters.insert("exif".to_owned(), Value::from(with.exif));
        let (image, _) = Tower::create(&T::IMAGE_FALLBACK, image_parameters, build)?;
        Ok(Self { text, image, dimension: Some(dimension) })
    }

    /// Opens the model in `directory`.
    ///
    /// # Errors
    /// When a file is missing or cannot be opened, or the towers have different dimensions.
    pub(crate) fn open_model<T: Towers>(
        directory: &Path,
        with: &ClipEncoderParameters,
        build: &Build,
    ) -> Result<Self, BuildError> {
        let file = |names| find_file(&build.context.resolve(directory), names, with.dtype);
        let shared_parameters = |path: PathBuf| {
            let device =
                with.device.as_deref().map_or("cpu", |device| device.split(':').next().unwrap_or(device));
            tower_parameters([
                ("model_path", Value::from(path.to_string_lossy())),
                ("preset", Value::from("clip")),
                ("device", Value::from(device)),
                ("minibatch_size", Value::from(with.minibatch_size)),
            ])
        };
        let mut image_parameters = shared_parameters(file(IMAGE_FILES)?);
        image_parameters.insert("exif".to_owned(), Value::from(with.exif));
        if let Some(workers) = with.num_worker_preprocess {
            image_parameters.insert("num_worker_preprocess".to_owned(), Value::from(workers));
        }
        let (image, image_dimension) = Tower::create(&T::IMAGE_MODEL, image_parameters, build)?;
        let (text, text_dimension) =
            Tower::create(&T::TEXT_MODEL, shared_parameters(file(TEXT_FILES)?), build)?;
        let dimension = match (image_dimension, text_dimension, with.dimension) {
            (Some(image), Some(text), _) if image != text => {
                let reason = format_args!(
                    "its image embeddings have dimension {image} and its text embeddings {text}: the files belong to \
                     different models"
                );
                return Err(BuildError::parameter("model_path", reason));
            }
            (Some(actual), _, Some(expected)) | (_, Some(actual), Some(expected)) if actual != expected => {
                return Err(BuildError::parameter(
                    "dimension",
                    format_args!("the model's embeddings have dimension {actual}"),
                ));
            }
            (image, text, expected) => image.or(text).or(expected),
        };
        Ok(Self { text, image, dimension })
    }
}

/// Finds the file of a tower in the model's directory.
fn find_file(directory: &Path, names: [&str; 2], precision: Precision) -> Result<PathBuf, BuildError> {
    let suffixes: &[&str] = match precision {
        Precision::Single => &[""],
        Precision::Half => &["_fp16"],
        Precision::Byte => &["_int8", "_quantized"],
    };
    let candidates =
        names.iter().flat_map(|name| suffixes.iter().map(move |suffix| format!("{name}{suffix}.onnx")));
    let candidates: Vec<PathBuf> = candidates.map(|name| directory.join(name)).collect();
    candidates.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let names: Vec<String> = candidates
            .iter()
            .filter_map(|path| Some(format!("`{}`", path.file_name()?.to_string_lossy())))
            .collect();
        let reason = format_args!("{} contains neither {}", directory.display(), names.join(" nor "));
        BuildError::parameter("model_path", reason)
    })
}

/// Parameters of a tower, which is always called with root documents.
fn tower_parameters<const N: usize>(parameters: [(&str, Value); N]) -> RawParameters {
    let access_paths = ("access_paths", Value::from("@r"));
    parameters.into_iter().chain([access_paths]).map(|(name, value)| (name.to_owned(), value)).collect()
}
