//! Element types of stored vectors.

use half::f16;
use half::slice::HalfFloatSliceExt as _;

flowrun_sdk::choice! {
    /// Element type of stored vectors.
    pub enum ElementType {
        /// Single precision, unchanged.
        F32 = "f32",
        /// Half precision: half the size, about three decimal digits. Vectors are rounded before they are compared, so that a
        /// distance is the distance to the stored vector.
        F16 = "f16",
    }
}

impl ElementType {
    /// Size of one element in bytes.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::F16 => size_of::<f16>(),
        }
    }

    /// Code of the type in a file header.
    pub(super) fn code(self) -> u32 {
        match self {
            Self::F32 => 1,
            Self::F16 => 2,
        }
    }

    /// Rounds a vector to this type. Elements too large for the type become infinite.
    pub(crate) fn round(self, vector: &mut [f32]) {
        if self == Self::F16 {
            vector.iter_mut().for_each(|element| *element = f16::from_f32(*element).to_f32());
        }
    }

    /// Appends the bytes of a vector, little-endian.
    pub(super) fn encode(self, vector: &[f32], into: &mut Vec<u8>) {
        match self {
            Self::F32 => into.extend(vector.iter().flat_map(|element| element.to_le_bytes())),
            Self::F16 => into.extend(vector.iter().flat_map(|element| f16::from_f32(*element).to_le_bytes())),
        }
    }

    /// Decodes a vector from its bytes.
    pub(super) fn decode(self, bytes: &[u8], into: &mut Vec<f32>) {
        into.clear();
        match self {
            Self::F32 => {
                let (elements, _) = bytes.as_chunks();
                into.extend(elements.iter().map(|element| f32::from_le_bytes(*element)));
            }
            Self::F16 => {
                let (elements, _) = bytes.as_chunks();
                let halves: Vec<f16> = elements.iter().map(|element| f16::from_le_bytes(*element)).collect();
                into.resize(halves.len(), 0.0);
                halves.convert_to_f32_slice(into);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounded_vectors_survive_encoding(vector in proptest::collection::vec(-70_000.0_f32..70_000.0, 0..40)) {
            for elements in [ElementType::F32, ElementType::F16] {
                let (mut rounded, mut bytes, mut back) = (vector.clone(), Vec::new(), vec![9.0]);
                elements.round(&mut rounded);
                elements.encode(&rounded, &mut bytes);
                prop_assert_eq!(bytes.len(), vector.len() * elements.bytes());
                elements.decode(&bytes, &mut back);
                prop_assert_eq!(&back, &rounded);
                for (element, rounded) in vector.iter().zip(&rounded) {
                    let near = (element - rounded).abs() <= element.abs() / 1024.0 + 1e-7;
                    prop_assert!(near || element.abs() >= 65_504.0, "{element} {rounded}");
                }
            }
        }
    }
}
