//! `CLIPEncoder`: texts and pictures, as CLIP-as-service serves them.
//!
//! CLIP has two towers, one for texts and one for pictures, and their vectors are of one length. This crate knows what is
//! around them: which document goes up which tower, and how `/rank` compares. The towers are executors of their own,
//! named by whoever puts the catalogue together ([`Towers`]), so that this family sees the SDK alone as every other does.
//! With a model they are encoders of its two files. Without one something stands in, whose vectors of texts and of
//! pictures have one length but no common meaning: like finds like, nothing more.

mod dimensions;
mod encoder;
mod parameters;
mod rank;
mod towers;

use flowrun_sdk::ExecutorType;

/// The executors of the two halves. All have the parameter `access_paths`, and make an embedding of each document that it
/// leads to.
pub trait Towers {
    /// Encodes texts without a model; has the parameter `dimension`.
    const TEXT_FALLBACK: ExecutorType;
    /// Encodes pictures without a model; has the parameter `dimension`.
    const IMAGE_FALLBACK: ExecutorType;
    /// Encodes texts with a model; has the parameters `model_path`, `preset`, `device` and `minibatch_size`.
    const TEXT_MODEL: ExecutorType;
    /// Encodes pictures with a model; has those too, and `num_worker_preprocess`.
    const IMAGE_MODEL: ExecutorType;
}

/// `CLIPEncoder` with these towers.
#[must_use]
pub const fn clip_encoder<T: Towers>() -> ExecutorType {
    ExecutorType::new::<parameters::ClipEncoderParameters>(
        "CLIPEncoder",
        "Encodes texts and pictures with a model of CLIP, under the parameters of CLIP-as-service, and ranks by likeness.",
        encoder::create::<T>,
    )
    .with_aliases(&["CLIPTorchEncoder", "CLIPOnnxEncoder"])
}
