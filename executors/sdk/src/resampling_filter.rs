//! Resampling filters of image scaling, as a parameter.
//!
//! Executors that scale images and executors that request scaled images live in different crates and share this type.
//! The filters themselves are implemented by the image executors.

crate::choice! {
    /// Filter that computes the pixels of a scaled image. The names are Pillow's. All but `nearest` widen with the
    /// scaling factor when an image becomes smaller, so that every source pixel contributes.
    pub enum ResamplingFilter {
        /// The nearest pixel.
        Nearest = "nearest",
        /// Mean of the covered pixels.
        Box = "box",
        /// Linear interpolation (triangle filter).
        Bilinear = "bilinear",
        /// Sharper than bilinear, without ringing.
        Hamming = "hamming",
        /// Cubic interpolation (Catmull-Rom, a = -0.5).
        Bicubic = "bicubic",
        /// Windowed sinc with three lobes.
        Lanczos = "lanczos",
    }
}
