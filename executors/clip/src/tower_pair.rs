//! The text tower and the image tower of a CLIP model, or their stand-ins.

use std::path::Path;

use flowrun_sdk::{Build, BuildError, RawParameters, Value, tracing};

use crate::dimensions;
use crate::model_files::ModelFiles;
use crate::parameters::ClipEncoderParameters;
use crate::tower::Tower;
use crate::towers::Towers;

/// Both towers.
pub(crate) struct TowerPair {
    pub(crate) text: Tower,
    pub(crate) image: Tower,
    /// Dimension of the embeddings, if it is known.
    pub(crate) dimension: Option<usize>,
}

impl TowerPair {
    /// Creates the stand-ins (encoders without a model), which the flow requested, and logs a warning.
    ///
    /// # Errors
    /// When the model's name does not determine the dimension and `dimension` is not set, or a stand-in rejects the
    /// dimension.
    pub(crate) fn stand_in<T: Towers>(
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
            "`stand_in` is set: texts are encoded by their words and images by their colours and edges, so that texts \
             find only texts and images only images"
        );
        let parameters = || tower_parameters([("dimension", Value::from(dimension))]);
        let (text, _) = Tower::create(&T::TEXT_STAND_IN, parameters(), build)?;
        let mut image_parameters = parameters();
        image_parameters.insert("exif".to_owned(), Value::from(with.exif));
        let (image, _) = Tower::create(&T::IMAGE_STAND_IN, image_parameters, build)?;
        Ok(Self { text, image, dimension: Some(dimension) })
    }

    /// Opens a model.
    ///
    /// # Errors
    /// When a file cannot be opened, the towers have different dimensions, or the parameter `dimension` differs from the
    /// model's.
    pub(crate) fn open_model<T: Towers>(
        files: &ModelFiles,
        with: &ClipEncoderParameters,
        build: &Build,
    ) -> Result<Self, BuildError> {
        let shared_parameters = |path: &Path| {
            let device =
                with.device.as_deref().map_or("cpu", |device| device.split(':').next().unwrap_or(device));
            tower_parameters([
                ("model_path", Value::from(path.to_string_lossy())),
                ("preset", Value::from("clip")),
                ("device", Value::from(device)),
                ("minibatch_size", Value::from(with.minibatch_size)),
            ])
        };
        let mut image_parameters = shared_parameters(&files.image);
        image_parameters.insert("exif".to_owned(), Value::from(with.exif));
        if let Some(workers) = with.num_worker_preprocess {
            image_parameters.insert("num_worker_preprocess".to_owned(), Value::from(workers));
        }
        let (image, image_dimension) = Tower::create(&T::IMAGE_MODEL, image_parameters, build)?;
        let (text, text_dimension) = Tower::create(&T::TEXT_MODEL, shared_parameters(&files.text), build)?;
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

/// Parameters of a tower, which is always called with root documents.
fn tower_parameters<const N: usize>(parameters: [(&str, Value); N]) -> RawParameters {
    let access_paths = ("access_paths", Value::from("@r"));
    parameters.into_iter().chain([access_paths]).map(|(name, value)| (name.to_owned(), value)).collect()
}
