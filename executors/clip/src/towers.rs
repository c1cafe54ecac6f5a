//! The executors of CLIP's two towers, the text encoder and the image encoder, as supplied by the program.

use flowrun_sdk::ExecutorType;

/// Executors of the two towers. All have the parameter `access_paths` and set the embedding of each selected document.
pub trait Towers {
    /// Encodes texts without a model; has the parameter `dimension`.
    const TEXT_STAND_IN: ExecutorType;
    /// Encodes images without a model; has the parameters `dimension` and `exif`.
    const IMAGE_STAND_IN: ExecutorType;
    /// Encodes texts with a model; has the parameters `model_path`, `preset`, `device` and `minibatch_size`.
    const TEXT_MODEL: ExecutorType;
    /// Encodes images with a model; has the parameters of [`TEXT_MODEL`](Self::TEXT_MODEL), `num_worker_preprocess`
    /// and `exif`.
    const IMAGE_MODEL: ExecutorType;
}
