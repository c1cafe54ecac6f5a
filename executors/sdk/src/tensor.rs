//! A tensor: element type, shape and the bytes of its elements in C order.
//!
//! The bytes are reference-counted, so that copying a tensor for a second branch copies nothing. This is
//! a carrier, not an algebra: executors read elements out, compute in what suits them, and put a tensor back.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use half::f16;

/// What the elements of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementKind {
    /// True or false, one byte each.
    Boolean,
    /// Signed integers in two's complement.
    Signed,
    /// Unsigned integers.
    Unsigned,
    /// IEEE 754 binary floating point.
    Float,
    /// Pairs of floats: real part, imaginary part.
    Complex,
}

/// The element type of a tensor: kind, width and byte order; written like numpy's `dtype.str` (`<f4`, `|u1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DataType {
    kind: ElementKind,
    bytes: u8,
    big_endian: bool,
}

impl DataType {
    /// Unsigned bytes, as decoded images hold them.
    pub const UINT8: Self = Self::little(ElementKind::Unsigned, 1);
    /// Signed 32-bit integers.
    pub const INT32: Self = Self::little(ElementKind::Signed, 4);
    /// Signed 64-bit integers.
    pub const INT64: Self = Self::little(ElementKind::Signed, 8);
    /// Half-precision floats.
    pub const FLOAT16: Self = Self::little(ElementKind::Float, 2);
    /// Single-precision floats, the type of every embedding that we make.
    pub const FLOAT32: Self = Self::little(ElementKind::Float, 4);
    /// Double-precision floats.
    pub const FLOAT64: Self = Self::little(ElementKind::Float, 8);

    const fn little(kind: ElementKind, bytes: u8) -> Self {
        Self { kind, bytes, big_endian: false }
    }

    /// What the elements are.
    pub fn kind(self) -> ElementKind {
        self.kind
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        usize::from(self.bytes)
    }

    /// numpy's name for it, as it is printed; the one of embeddings costs nothing.
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

/// The most axes of a tensor: numpy's bound before version 2. Whoever walks the axes one inside the other relies on it.
const AXES_MAX: usize = 32;

/// The most rows of a tensor without elements. A few bytes could claim any number, and as JSON each is written out.
const EMPTY_ROWS_MAX: usize = 1 << 16;

/// Why bytes, a shape and a data type do not make a tensor, or a tensor not the numbers asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// The name is none of numpy's numeric types.
    #[error("`{0}` is not a data type such as `<f4` or `|u1`")]
    UnknownDataType(String),
    /// Shape and data disagree.
    #[error("shape {shape:?} of {data_type} needs {expected} bytes, but there are {actual}")]
    WrongLength {
        /// The shape as given.
        shape: Vec<usize>,
        /// The element type as given.
        data_type: DataType,
        /// Product of the shape times the element size.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The product of the shape does not fit the address space; or there are no elements, and still a great many rows.
    #[error("shape {0:?} is too large")]
    TooLarge(Vec<usize>),
    /// The shape has more axes than numpy's may have.
    #[error("a shape of {0} axes has more than the {AXES_MAX} allowed")]
    TooManyAxes(usize),
    /// The elements cannot be read as the numbers asked for.
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
    /// A tensor over `data`, the elements of an array of this `shape` in C order.
    ///
    /// # Errors
    /// [`TensorError::WrongLength`], [`TensorError::TooLarge`] or [`TensorError::TooManyAxes`] when the shape does not
    /// account for the bytes.
    pub fn new(data_type: DataType, shape: Vec<usize>, data: Bytes) -> Result<Self, TensorError> {
        if shape.len() > AXES_MAX {
            return Err(TensorError::TooManyAxes(shape.len()));
        }
        let rows = shape.iter().take_while(|&&side| side > 0);
        let rows = rows.fold(1_usize, |product, &side| product.saturating_mul(side));
        if data.is_empty() && rows > EMPTY_ROWS_MAX {
            return Err(TensorError::TooLarge(shape));
        }
        let elements = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        let Some(expected) = elements.and_then(|elements| elements.checked_mul(data_type.size())) else {
            return Err(TensorError::TooLarge(shape));
        };
        if expected != data.len() {
            return Err(TensorError::WrongLength { shape, data_type, expected, actual: data.len() });
        }
        Ok(Self { data_type, shape, data })
    }

    /// A tensor of single-precision floats; takes the vector over without copying.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_f32(shape: Vec<usize>, elements: Vec<f32>) -> Result<Self, TensorError> {
        Self::new(DataType::FLOAT32, shape, Bytes::from_owner(Owned(elements)))
    }

    /// A one-dimensional tensor of single-precision floats, the shape of an embedding.
    #[must_use]
    pub fn vector(elements: Vec<f32>) -> Self {
        let shape = vec![elements.len()];
        Self { data_type: DataType::FLOAT32, shape, data: Bytes::from_owner(Owned(elements)) }
    }

    /// A tensor of unsigned bytes; takes the vector over without copying.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_u8(shape: Vec<usize>, elements: Vec<u8>) -> Result<Self, TensorError> {
        Self::new(DataType::UINT8, shape, Bytes::from(elements))
    }

    /// The element type.
    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// The sides, slowest first; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements' bytes in C order and in the byte order of the data type.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.data.len() / self.data_type.size()
    }

    /// Whether there is no element, as with a side of zero.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements as unsigned bytes, when that is what they are.
    pub fn as_u8(&self) -> Option<&[u8]> {
        (self.data_type == DataType::UINT8).then_some(&*self.data)
    }

    /// The elements as single-precision floats: borrowed where they are that already, converted otherwise.
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
        #[expect(clippy::cast_possible_truncation, reason = "the caller asked for single precision")]
        Ok(Cow::Owned(self.to_f64()?.into_iter().map(|element| element as f32).collect()))
    }

    /// The elements as double-precision floats.
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

/// How the little-endian bytes of one element, padded to eight with zeros, become a number.
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

/// Lends a vector of floats to [`Bytes`] as bytes.
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
    fn data_types_print_as_they_are_parsed() {
        for name in ["|i1", "|u1", "|b1", "<i2", "<i4", "<i8", "<u8", "<f2", "<f4", "<f8", "<c8", ">f4"] {
            let data_type: DataType = name.parse().unwrap();
            assert_eq!((&*data_type.to_string(), &*data_type.name()), (name, name));
        }
        for name in ["", "f", "<f3", "<x4", "float32", "<f4 "] {
            assert!(name.parse::<DataType>().is_err(), "{name}");
        }
    }

    #[test]
    fn every_real_type_reads_back_the_number_that_was_written() {
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
    fn a_shape_must_account_for_every_byte() {
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
    fn a_shape_that_claims_more_than_it_holds_is_refused() {
        let tensor = |shape| Tensor::new(DataType::UINT8, shape, Bytes::new()).map(|tensor| tensor.len());
        assert_eq!((tensor(vec![0, 224, 224, 3]), tensor(vec![2, 0])), (Ok(0), Ok(0)));
        let endless = vec![4_294_967_295, 0];
        assert_eq!(tensor(endless.clone()), Err(TensorError::TooLarge(endless)));
        assert_eq!(tensor(vec![0; 33]), Err(TensorError::TooManyAxes(33)));
        assert!(Tensor::new(DataType::UINT8, vec![1; 32], Bytes::from_static(&[7])).is_ok());
    }

    #[test]
    fn a_vector_is_lent_without_copying() {
        let elements = vec![1.0_f32, 2.0];
        let address = elements.as_ptr();
        let tensor = Tensor::vector(elements);
        assert_eq!(tensor.to_f32().unwrap().as_ptr(), address);
    }
}
