//! `CLIPEncoder`: embeds texts and images in one vector space, with the interface of CLIP-as-service.
//!
//! CLIP has two towers (encoders), one for texts and one for images, with the same embedding dimension. This crate
//! sends each document to its tower and implements `/rank`. The towers are separate executors that the program supplies
//! ([`Towers`]), because crates of executors do not depend on each other. They run the two ONNX files of a model. If the
//! flow requests it (`stand_in: true`), encoders without a model replace them. Their vectors have the same dimension but no
//! common meaning: texts find texts and images find images, but texts do not find images.

mod dimensions;
mod encoder;
mod model_files;
mod parameters;
mod rank;
mod tower;
mod tower_pair;
mod towers;

use flowrun_sdk::{ExecutorDescription, ExecutorType};

pub use towers::Towers;

/// The executor type `CLIPEncoder` with the towers of `T`.
#[must_use]
pub const fn clip_encoder<T: Towers>() -> ExecutorType {
    ExecutorType::new::<parameters::ClipEncoderParameters>(
        "CLIPEncoder",
        "Encodes texts and images with a CLIP model, under the parameters of CLIP-as-service, and ranks matches by similarity.",
        encoder::create::<T>,
    )
    .with_aliases(&["CLIPTorchEncoder", "CLIPOnnxEncoder"])
    .with_description(|build| ExecutorDescription::encoder(model_files::state(build)))
}
