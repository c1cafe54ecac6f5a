//! Executors that scale, crop and mirror images.
//!
//! A crafter is a function from the image of a document to pieces ([`piece::Piece`]). A crafter with one piece per
//! image replaces the image ([`replace_image::ReplaceImage`]); one with several appends a document for each piece
//! ([`append_pieces::AppendPieces`]). Decoding is in [`crate::decode`]; splitting documents into their first chunks is
//! in [`crate::image_reader`] and [`crate::gif_segmenter`].

mod append_pieces;
mod crop;
mod five_crop;
mod flip;
mod normalize;
mod piece;
mod random_crop;
mod replace_image;
mod scale;
mod sliding_window;

pub(crate) use crop::{CENTER_IMAGE_CROPPER, IMAGE_CROPPER};
pub(crate) use five_crop::FIVE_IMAGE_CROPPER;
pub(crate) use flip::IMAGE_FLIPPER;
pub(crate) use normalize::IMAGE_NORMALIZER;
pub(crate) use random_crop::RANDOM_IMAGE_CROPPER;
pub(crate) use scale::IMAGE_RESIZER;
pub(crate) use sliding_window::SLIDING_WINDOW_IMAGE_CROPPER;
