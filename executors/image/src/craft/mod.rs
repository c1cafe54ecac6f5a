//! Executors that scale, crop and mirror images.
//!
//! A crafter is a function from the image of a document to pieces ([`piece::Piece`]).
//! [`replace_image::ReplaceImage`] replaces the image of a document by its single piece;
//! [`append_pieces::AppendPieces`] appends a document for each piece and can keep the original document.
//! Decoding is in [`crate::decode`]; [`crate::image_reader`] and [`crate::gif_segmenter`] create the chunks that
//! crafters process by default.

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
