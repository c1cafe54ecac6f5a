//! Tensors that are passed to a model and returned by it.

use std::borrow::Cow;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use super::ElementType;

/// Elements of a tensor in row-major order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Elements<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision.
    F16(&'a [f16]),
    /// Integers of 32 bits.
    I32(&'a [i32]),
    /// Integers of 64 bits.
    I64(&'a [i64]),
    /// Bytes.
    U8(&'a [u8]),
}

impl<'a> Elements<'a> {
    /// Number of elements.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::F32(elements) => elements.len(),
            Self::F16(elements) => elements.len(),
            Self::I32(elements) => elements.len(),
            Self::I64(elements) => elements.len(),
            Self::U8(elements) => elements.len(),
        }
    }

    /// True if there are no elements.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Type of the elements.
    #[must_use]
    pub fn element_type(self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::F16(_) => ElementType::F16,
            Self::I32(_) => ElementType::I32,
            Self::I64(_) => ElementType::I64,
            Self::U8(_) => ElementType::U8,
        }
    }

    /// Converts the elements to single precision.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "large integers lose digits, which callers accept")]
    pub fn to_f32(self) -> Cow<'a, [f32]> {
        match self {
            Self::F32(elements) => Cow::Borrowed(elements),
            Self::F16(elements) => Cow::Owned(elements.to_f32_vec()),
            Self::I32(elements) => elements.iter().map(|&element| element as f32).collect(),
            Self::I64(elements) => elements.iter().map(|&element| element as f32).collect(),
            Self::U8(elements) => elements.iter().map(|&element| f32::from(element)).collect(),
        }
    }
}

/// An input tensor of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct InputTensor<'a> {
    /// The size of every axis.
    pub shape: Vec<usize>,
    /// The elements; their number is the product of the sizes.
    pub elements: Elements<'a>,
}

/// An output tensor of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputTensor<'a> {
    /// The size of every axis.
    pub shape: Vec<usize>,
    /// The elements; their number is the product of the sizes.
    pub elements: Elements<'a>,
}
