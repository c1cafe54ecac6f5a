//! Tensors: element type, shape and the bytes of the elements in C order.
//!
//! A tensor only carries data; there is no arithmetic. Executors read the elements, compute with a library of their choice
//! and create a new tensor.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use half::f16;

/// Kind of the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementKind {
    /// Booleans of one byte.
    Boolean,
    /// Signed integers in two's complement.
    Signed,
    /// Unsigned integers.
    Unsigned,
    /// IEEE 754 binary floating point.
    Float,
    /// Complex numbers: pairs of floats, the real part first.
    Complex,
}

/// Element type of a tensor: kind, width and byte order. Parsed and displayed like numpy's `dtype.str` (`<f4`, `|u1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataType {
    kind: ElementKind,
    bytes: u8,
    big_endian: bool,
}

impl DataType {
    /// Unsigned bytes, as in decoded images.
    pub const UINT8: Self = Self::little(ElementKind::Unsigned, 1);
    /// Signed 32-bit integers.
    pub const INT32: Self = Self::little(ElementKind::Signed, 4);
    /// Signed 64-bit integers.
    pub const INT64: Self = Self::little(ElementKind::Signed, 8);
    /// Half-precision floats.
    pub const FLOAT16: Self = Self::little(ElementKind::Float, 2);
    /// Single-precision floats, the type of embeddings.
    pub const FLOAT32: Self = Self::little(ElementKind::Float, 4);
    /// Double-precision floats.
    pub const FLOAT64: Self = Self::little(ElementKind::Float, 8);

    const fn little(kind: ElementKind, bytes: u8) -> Self {
        Self { kind, bytes, big_endian: false }
    }

    /// Kind of the elements.
    pub fn kind(self) -> ElementKind {
        self.kind
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        usize::from(self.bytes)
    }

    /// Returns the displayed name, without an allocation for the type of embeddings.
    pub(crate) fn name(self) -> Cow<'static, str> {
        if self == Self::FLOAT32 { Cow::Borrowed("<f4") } else { Cow::Owned(self.to_string()) }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.bytes, self.big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let kind = match self.kind {
            ElementKind::Boolean => 'b',
            ElementKind::Signed => 'i',
            ElementKind::Unsigned => 'u',
            ElementKind::Float => 'f',
            ElementKind::Complex => 'c',
        };
        write!(f, "{order}{kind}{}", self.bytes)
    }
}

impl fmt::Debug for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DataType {
    type Err = TensorError;

    fn from_str(text: &str) -> Result<Self, TensorError> {
        let unknown = || TensorError::UnknownDataType(text.to_owned());
        let mut characters = text.chars();
        let (order, kind) = match characters.next() {
            Some(order @ ('<' | '>' | '|' | '=')) => (order, characters.next()),
            kind => ('<', kind),
        };
        let bytes: u8 = characters.as_str().parse().map_err(|_| unknown())?;
        let kind = match (kind, bytes) {
            (Some('b'), 1) => ElementKind::Boolean,
            (Some('i'), 1 | 2 | 4 | 8) => ElementKind::Signed,
            (Some('u'), 1 | 2 | 4 | 8) => ElementKind::Unsigned,
            (Some('f'), 2 | 4 | 8) => ElementKind::Float,
            (Some('c'), 8 | 16) => ElementKind::Complex,
            _ => return Err(unknown()),
        };
        Ok(Self { kind, bytes, big_endian: order == '>' && bytes > 1 })
    }
}

/// Maximum number of axes: numpy's limit before version 2. Recursion over the axes relies on it.
pub(crate) const AXES_MAX: usize = 32;

/// Maximum number of rows of a tensor without elements: a few bytes could claim any number, and JSON contains each row.
const EMPTY_ROWS_MAX: usize = 1 << 16;

/// Error of creating or converting a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The name is not a numeric type of numpy.
    #[error("`{0}` is not a data type such as `<f4` or `|u1`")]
    UnknownDataType(String),
    /// The shape does not match the data.
    #[error("shape {shape:?} of {data_type} needs {expected} bytes, but there are {actual}")]
    WrongLength {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        data_type: DataType,
        /// Product of the shape and the element size, in bytes.
        expected: usize,
        /// Length of the data in bytes.
        actual: usize,
    },
    /// The product of the shape exceeds the address space, or a tensor without elements has more than 65,536 rows.
    #[error("shape {0:?} is too large")]
    TooLarge(Vec<usize>),
    /// The shape has more than 32 axes.
    #[error("a shape of {0} axes has more than the {AXES_MAX} allowed")]
    TooManyAxes(usize),
    /// Complex elements cannot be converted to real numbers.
    #[error("elements of type {0} cannot be read as real numbers")]
    NotReal(DataType),
}

/// An n-dimensional array. Cloning is O(1).
#[derive(Clone, PartialEq)]
pub struct Tensor {
    data_type: DataType,
    shape: Vec<usize>,
    data: Bytes,
}

impl Tensor {
    /// Creates a tensor from the bytes of its elements in C order.
    ///
    /// # Errors
    /// [`TensorError::WrongLength`], [`TensorError::TooLarge`] or [`TensorError::TooManyAxes`] if the shape is invalid or
    /// does not match the data.
    pub fn new(data_type: DataType, shape: Vec<usize>, data: Bytes) -> Result<Self, TensorError> {
        if shape.len() > AXES_MAX {
            return Err(TensorError::TooManyAxes(shape.len()));
        }
        let rows = shape.iter().take_while(|&&size| size > 0);
        let rows = rows.fold(1_usize, |product, &size| product.saturating_mul(size));
        if data.is_empty() && rows > EMPTY_ROWS_MAX {
            return Err(TensorError::TooLarge(shape));
        }
        let elements = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let Some(expected) = elements.and_then(|elements| elements.checked_mul(data_type.size())) else {
            return Err(TensorError::TooLarge(shape));
        };
        if expected != data.len() {
            return Err(TensorError::WrongLength { shape, data_type, expected, actual: data.len() });
        }
        Ok(Self { data_type, shape, data })
    }

    /// Creates a tensor of single-precision floats, without copying them.
    ///
    /// # Errors
    /// Those of [`Tensor::new`].
    pub fn from_f32(shape: Vec<usize>, elements: Vec<f32>) -> Result<Self, TensorError> {
        Self::new(DataType::FLOAT32, shape, Bytes::from_owner(Owned(elements)))
    }

    /// Creates a one-dimensional tensor of single-precision floats, the form of embeddings, without copying them.
    #[must_use]
    pub fn vector(elements: Vec<f32>) -> Self {
        let shape = vec![elements.len()];
        Self { data_type: DataType::FLOAT32, shape, data: Bytes::from_owner(Owned(elements)) }
    }

    /// Creates a tensor of unsigned bytes, without copying them.
    ///
    /// # Errors
    /// Those of [`Tensor::new`].
    pub fn from_u8(shape: Vec<usize>, elements: Vec<u8>) -> Result<Self, TensorError> {
        Self::new(DataType::UINT8, shape, Bytes::from(elements))
    }

    /// Element type.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// Sizes of the axes, the slowest first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Bytes of the elements in C order, in the byte order of the data type.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Bytes of memory that the elements and the shape occupy.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.shape) + self.data.len()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len() / self.data_type.size()
    }

    /// Returns `true` if there are no elements, because an axis has size zero.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Borrows the elements if they are unsigned bytes.
    pub fn as_u8(&self) -> Option<&[u8]> {
        (self.data_type == DataType::UINT8).then_some(&*self.data)
    }

    /// Returns the elements as single-precision floats: borrowed if they have that type, converted otherwise.
    ///
    /// # Errors
    /// [`TensorError::NotReal`] for complex elements.
    pub fn to_f32(&self) -> Result<Cow<'_, [f32]>, TensorError> {
        if self.data_type == DataType::FLOAT32
            && cfg!(target_endian = "little")
            && let Ok(elements) = bytemuck::try_cast_slice(&self.data)
        {
            return Ok(Cow::Borrowed(elements));
        }
        #[expect(clippy::cast_possible_truncation, reason = "single precision is requested")]
        Ok(Cow::Owned(self.to_f64()?.into_iter().map(|element| element as f32).collect()))
    }

    /// Converts the elements to double-precision floats.
    ///
    /// # Errors
    /// [`TensorError::NotReal`] for complex elements.
    pub fn to_f64(&self) -> Result<Vec<f64>, TensorError> {
        let read = reader(self.data_type).ok_or(TensorError::NotReal(self.data_type))?;
        let element = |chunk: &[u8]| {
            let mut ordered = [0_u8; 8];
            let (used, _) = ordered.split_at_mut(chunk.len());
            used.copy_from_slice(chunk);
            if self.data_type.big_endian {
                used.reverse();
            }
            read(ordered)
        };
        Ok(self.data.chunks_exact(self.data_type.size()).map(element).collect())
    }
}

/// Returns the conversion of one element from its little-endian bytes, padded with zeros to eight.
#[expect(clippy::cast_precision_loss, reason = "64-bit integers beyond 2⁵³ are rounded, as numpy does")]
fn reader(data_type: DataType) -> Option<fn([u8; 8]) -> f64> {
    Some(match (data_type.kind, data_type.bytes) {
        (ElementKind::Boolean | ElementKind::Unsigned, _) => |b| u64::from_le_bytes(b) as f64,
        (ElementKind::Signed, 1) => |[b, ..]| f64::from(i8::from_le_bytes([b])),
        (ElementKind::Signed, 2) => |[b0, b1, ..]| f64::from(i16::from_le_bytes([b0, b1])),
        (ElementKind::Signed, 4) => |[b0, b1, b2, b3, ..]| f64::from(i32::from_le_bytes([b0, b1, b2, b3])),
        (ElementKind::Signed, _) => |b| i64::from_le_bytes(b) as f64,
        (ElementKind::Float, 2) => |[b0, b1, ..]| f16::from_le_bytes([b0, b1]).to_f64(),
        (ElementKind::Float, 4) => |[b0, b1, b2, b3, ..]| f64::from(f32::from_le_bytes([b0, b1, b2, b3])),
        (ElementKind::Float, _) => f64::from_le_bytes,
        (ElementKind::Complex, _) => return None,
    })
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({} {:?})", self.data_type, self.shape)
    }
}

/// Owner of floats whose memory [`Bytes`] uses.
struct Owned(Vec<f32>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_types_display_as_they_were_parsed() {
        for name in ["|i1", "|u1", "|b1", "<i2", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", ">f4"] {
            let data_type: DataType = name.parse().unwrap();
            assert_eq!((&*data_type.to_string(), &*data_type.name()), (name, name));
        }
        for name in ["", "f", "<f3", "<x4", "float32", "<f4 "] {
            assert!(name.parse::<DataType>().is_err(), "{name}");
        }
    }

    #[test]
    fn elements_of_every_real_type_are_converted() {
        let cases: [(&str, &[u8]); 8] = [
            ("|i1", &[0xfd]),
            ("<i2", &[0xfd, 0xff]),
            (">i2", &[0xff, 0xfd]),
            ("<i4", &[0xfd, 0xff, 0xff, 0xff]),
            ("<f2", &[0x00, 0xc2]),
            ("<f4", &[0x00, 0x00, 0x40, 0xc0]),
            (">f4", &[0xc0, 0x40, 0x00, 0x00]),
            ("<f8", &[0, 0, 0, 0, 0, 0, 0x08, 0xc0]),
        ];
        for (name, bytes) in cases {
            let tensor = Tensor::new(name.parse().unwrap(), vec![], Bytes::copy_from_slice(bytes)).unwrap();
            assert_eq!(tensor.to_f64().unwrap(), [-3.0], "{name}");
            assert_eq!(*tensor.to_f32().unwrap(), [-3.0], "{name}");
        }
    }

    #[test]
    fn shapes_that_do_not_match_the_data_are_rejected() {
        let bytes = || Bytes::from_static(&[0; 24]);
        assert!(Tensor::new(DataType::FLOAT32, vec![2, 3], bytes()).is_ok());
        assert!(matches!(
            Tensor::new(DataType::FLOAT32, vec![2, 2], bytes()),
            Err(TensorError::WrongLength { expected: 16, actual: 24, .. })
        ));
        assert!(matches!(
            Tensor::new(DataType::FLOAT32, vec![usize::MAX, 2], bytes()),
            Err(TensorError::TooLarge(_))
        ));
    }

    #[test]
    fn empty_tensors_with_excessive_shapes_are_rejected() {
        let tensor = |shape| Tensor::new(DataType::UINT8, shape, Bytes::new()).map(|tensor| tensor.len());
        assert_eq!((tensor(vec![0, 224, 224, 3]), tensor(vec![2, 0])), (Ok(0), Ok(0)));
        let endless = vec![4_294_967_295, 0];
        assert_eq!(tensor(endless.clone()), Err(TensorError::TooLarge(endless)));
        assert_eq!(tensor(vec![0; 33]), Err(TensorError::TooManyAxes(33)));
        assert!(Tensor::new(DataType::UINT8, vec![1; 32], Bytes::from_static(&[7])).is_ok());
    }

    #[test]
    fn vectors_are_not_copied() {
        let elements = vec![1.0_f32, 2.0];
        let address = elements.as_ptr();
        let tensor = Tensor::vector(elements);
        assert_eq!(tensor.to_f32().unwrap().as_ptr(), address);
    }
}
