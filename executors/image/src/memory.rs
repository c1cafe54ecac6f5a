//! Memory of image tensors, which is reserved in the budget of a call.

/// Size in bytes of an image tensor of three channels with elements of type `T`; saturates on overflow.
pub(crate) fn image_bytes<T>(height: usize, width: usize) -> usize {
    height.saturating_mul(width).saturating_mul(3 * size_of::<T>())
}
