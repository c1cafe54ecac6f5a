//! Lookup of the ONNX files of a CLIP model: in the directory that the flow names, or by the model's name.

use std::path::{Path, PathBuf};

use flowrun_sdk::{
    Build, Context, MissingModel, ModelState, model_directory, parse_parameters, user_cache_directory,
};

use crate::parameters::{ClipEncoderParameters, Precision};

/// Names of the image tower's file in CLIP-as-service and at Hugging Face, without the suffix of the precision and the
/// extension.
const IMAGE_FILES: [&str; 2] = ["visual", "vision_model"];

/// Names of the text tower's file, like [`IMAGE_FILES`].
const TEXT_FILES: [&str; 2] = ["textual", "text_model"];

/// Files of the two towers, as absolute paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelFiles {
    pub(crate) image: PathBuf,
    pub(crate) text: PathBuf,
}

/// Source of the embeddings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelSource {
    /// A model.
    Files(ModelFiles),
    /// Encoders without a model, which the flow requested with `stand_in`.
    StandIn,
}

/// Finds the model's files. `model_path` takes precedence over `stand_in`, which takes precedence over the directories of
/// installed models.
///
/// # Errors
/// When files are missing and no stand-in was requested.
pub(crate) fn find(with: &ClipEncoderParameters, context: &Context) -> Result<ModelSource, MissingModel> {
    if let Some(directory) = &with.model_path {
        return files_in(&context.resolve(directory), with.dtype).map(ModelSource::Files);
    }
    if with.stand_in {
        return Ok(ModelSource::StandIn);
    }
    let directories = installed_directories(&with.name);
    let found = directories.iter().find_map(|directory| files_in(directory, with.dtype).ok());
    found.map(ModelSource::Files).ok_or_else(|| {
        let (name, files) = (&with.name, example_files(with.dtype));
        let searched: Vec<String> =
            directories.iter().map(|directory| format!("`{}`", directory.display())).collect();
        MissingModel::new(match searched.is_empty() {
            true => format!("`{name}` is not installed, and `model_path` is not set"),
            false => format!("`{name}` is not installed: {files} are not in {}", searched.join(" or ")),
        })
    })
}

/// State of the model, for the description of the executor.
pub(crate) fn state(build: &Build) -> ModelState {
    let Ok(with) = parse_parameters::<ClipEncoderParameters>(build) else { return ModelState::Unknown };
    match find(&with, &build.context) {
        Ok(ModelSource::Files(_)) => ModelState::Found,
        Ok(ModelSource::StandIn) => ModelState::StandIn,
        Err(missing) => ModelState::Missing(missing),
    }
}

/// Directories that may contain the model `name`: flowrun's, and that of CLIP-as-service.
fn installed_directories(name: &str) -> Vec<PathBuf> {
    // As CLIP-as-service names its directories.
    let directory = name.replace("::", "-").replace('/', "-");
    if directory.is_empty() || directory.starts_with('.') {
        return Vec::new();
    }
    let roots = [model_directory(), user_cache_directory().map(|cache| cache.join("clip"))];
    roots.into_iter().flatten().map(|root| root.join(&directory)).collect()
}

fn files_in(directory: &Path, precision: Precision) -> Result<ModelFiles, MissingModel> {
    let file = |names| {
        let mut paths = file_names(names, precision).map(|name| directory.join(name));
        let found = paths.find(|path| path.is_file());
        found.map(|path| std::path::absolute(&path).unwrap_or(path)).ok_or_else(|| {
            let names: Vec<String> = file_names(names, precision).map(|name| format!("`{name}`")).collect();
            let (directory, names) = (directory.display(), names.join(" nor "));
            MissingModel::new(format_args!("{directory} contains neither {names}"))
        })
    };
    Ok(ModelFiles { image: file(IMAGE_FILES)?, text: file(TEXT_FILES)? })
}

/// File names of a tower in the given precision.
fn file_names(names: [&'static str; 2], precision: Precision) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = match precision {
        Precision::Single => &[""],
        Precision::Half => &["_fp16"],
        Precision::Byte => &["_int8", "_quantized"],
    };
    names.into_iter().flat_map(move |name| suffixes.iter().map(move |suffix| format!("{name}{suffix}.onnx")))
}

/// Names of the files of CLIP-as-service, for messages.
fn example_files(precision: Precision) -> String {
    let names = [IMAGE_FILES, TEXT_FILES].map(|names| file_names(names, precision).next());
    let [image, text] = names.map(Option::unwrap_or_default);
    format!("`{image}` and `{text}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_names_become_directory_names_as_in_clip_as_service() {
        let names = |name: &str| -> Vec<String> {
            let directories = installed_directories(name);
            directories.iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
        };
        assert!(names("ViT-B-32::openai").iter().all(|name| name == "ViT-B-32-openai"));
        assert!(names("ViT-L/14@336px").iter().all(|name| name == "ViT-L-14@336px"));
        assert!(names("../../etc").is_empty() && names("").is_empty());
    }
}
