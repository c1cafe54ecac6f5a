//! `CLIPEncoder`: texts and pictures, as CLIP-as-service serves them.
//!
//! CLIP has two towers, one for texts and one for pictures, and their vectors are of one length. This crate knows what is
//! around them: which document goes up which tower, and how `/rank` compares. The towers are executors of their own,
//! named by whoever puts the catalogue together ([`Towers`]), so that this family sees the SDK alone as every other does.
//! A stand-in's vectors of texts and of pictures have one length but no common meaning: like finds like, nothing more.

mod encoder;
mod model;
mod parameters;
mod rank;

use flowrun_sdk::ExecutorType;

/// The executors that stand in for the two halves of a model. Both have the parameters `dimension` and `access_paths`,
/// and make an embedding of each document that `access_paths` lead to.
pub trait Towers {
    /// Encodes texts.
    const TEXT: ExecutorType;
    /// Encodes pictures.
    const PICTURE: ExecutorType;
}

/// `CLIPEncoder` with these towers.
#[must_use]
pub const fn clip_encoder<T: Towers>() -> ExecutorType {
    ExecutorType::new::<parameters::ClipEncoderParameters>(
        "CLIPEncoder",
        "Encodes texts and pictures under the parameters of CLIP-as-service, without a model, and ranks by likeness.",
        encoder::create::<T>,
    )
    .also(&["CLIPTorchEncoder", "CLIPOnnxEncoder"])
}
