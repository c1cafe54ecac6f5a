//! Inputs and outputs of a model: names, types and shapes.

use std::fmt;

use ort::value::{Outlet, TensorElementType, ValueType};

use super::{InputTensor, ModelError};

/// Element type of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// Integers of 32 bits.
    I32,
    /// Integers of 64 bits.
    I64,
    /// Bytes.
    U8,
    /// An unsupported type, with its name.
    Other(&'static str),
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::Other(name) => name,
        })
    }
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// Type of the elements.
    pub element_type: ElementType,
    /// Size of every axis, `None` for symbolic axes; empty if it is not a tensor.
    pub shape: Vec<Option<usize>>,
}

impl Port {
    /// Converts the runtime's description of an input or output.
    pub(super) fn from_outlet(outlet: &Outlet) -> Self {
        let (element_type, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                (element_type(*ty), shape.iter().map(|&size| known(size)).collect())
            }
            ValueType::Sequence(_) => (ElementType::Other("a sequence"), Vec::new()),
            ValueType::Map { .. } => (ElementType::Other("a map"), Vec::new()),
            ValueType::Optional(_) => (ElementType::Other("an optional"), Vec::new()),
        };
        Self { name: outlet.name().to_owned(), element_type, shape }
    }

    /// The shape for messages, for example `[?, 3, 224, 224]`.
    #[must_use]
    pub fn shape_text(&self) -> String {
        let sizes =
            self.shape.iter().map(|size| size.map_or_else(|| "?".to_owned(), |size| size.to_string()));
        format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
    }

    /// Returns `true` if a tensor of this shape fits. A symbolic axis accepts every size.
    #[must_use]
    pub fn accepts(&self, shape: &[usize]) -> bool {
        self.shape.len() == shape.len()
            && self.shape.iter().zip(shape).all(|(own, size)| own.is_none_or(|own| own == *size))
    }

    /// Checks type, shape and number of elements of an input tensor.
    ///
    /// # Errors
    /// [`ModelError::Run`] if one of them does not fit.
    pub(super) fn check(&self, feed: &InputTensor<'_>) -> Result<(), ModelError> {
        let given = feed.elements.element_type();
        if given != self.element_type {
            let (name, own) = (&self.name, self.element_type);
            return Err(ModelError::Run(format!("its input `{name}` requires {own} but received {given}")));
        }
        if !self.accepts(&feed.shape) || feed.shape.iter().product::<usize>() != feed.elements.len() {
            let (name, own, shape, length) =
                (&self.name, self.shape_text(), &feed.shape, feed.elements.len());
            return Err(ModelError::Run(format!(
                "its input `{name}` has shape {own} but received {length} numbers of shape {shape:?}"
            )));
        }
        Ok(())
    }
}

/// Converts a size of the runtime: -1 is symbolic, and so is 0, because tensors here are never empty.
fn known(size: i64) -> Option<usize> {
    usize::try_from(size).ok().filter(|size| *size > 0)
}

fn element_type(ty: TensorElementType) -> ElementType {
    match ty {
        TensorElementType::Float32 => ElementType::F32,
        TensorElementType::Float16 => ElementType::F16,
        TensorElementType::Int32 => ElementType::I32,
        TensorElementType::Int64 => ElementType::I64,
        TensorElementType::Uint8 => ElementType::U8,
        TensorElementType::Float64 => ElementType::Other("float64"),
        TensorElementType::Bfloat16 => ElementType::Other("bfloat16"),
        TensorElementType::Int8 => ElementType::Other("int8"),
        TensorElementType::Bool => ElementType::Other("bool"),
        TensorElementType::String => ElementType::Other("text"),
        _ => ElementType::Other("another type"),
    }
}

/// Finds a port by name. `kind` is `input` or `output`, for the error, which lists all names.
pub(super) fn find<'a>(ports: &'a [Port], name: &str, kind: &str) -> Result<&'a Port, ModelError> {
    ports.iter().find(|port| port.name == name).ok_or_else(|| {
        let names: Vec<String> = ports.iter().map(|port| format!("`{}`", port.name)).collect();
        ModelError::Signature(format!("the model has no {kind} `{name}`; it has {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Elements;

    #[test]
    fn a_port_accepts_tensors_of_its_shape_and_type() {
        let port = Port { name: "x".to_owned(), element_type: ElementType::F32, shape: vec![None, Some(3)] };
        let feed = |shape: &[usize], elements| InputTensor { shape: shape.to_vec(), elements };
        assert!(port.check(&feed(&[2, 3], Elements::F32(&[0.0; 6]))).is_ok());
        let message = |feed| port.check(&feed).unwrap_err().to_string();
        assert_eq!(
            message(feed(&[2, 3], Elements::U8(&[0; 6]))),
            "the model failed: its input `x` requires float32 but received uint8"
        );
        assert_eq!(
            message(feed(&[2, 4], Elements::F32(&[0.0; 8]))),
            "the model failed: its input `x` has shape [?, 3] but received 8 numbers of shape [2, 4]"
        );
        assert!(port.check(&feed(&[2, 3], Elements::F32(&[0.0; 5]))).is_err());
        let missing = find(&[port], "y", "input").unwrap_err().to_string();
        assert_eq!(missing, "the model has no input `y`; it has `x`");
    }
}
