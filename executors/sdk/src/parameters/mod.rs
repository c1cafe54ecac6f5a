//! Parameters of executors: one table per type is parser, defaults and documentation.
//!
//! [`parameters!`](crate::parameters!) declares a table and the struct that it is parsed into; [`choice!`](crate::choice!)
//! declares a parameter with a fixed set of values. The same tables parse the parameters of requests.

mod accepts;
mod field;
mod kind;
mod macros;
mod reader;
mod types;

pub use field::{DefaultValue, ParameterField};
pub use kind::ParameterKind;
pub use reader::{ParameterError, ParameterReader, Parameters, RawParameters, check_parameters};
pub use types::Parameter;
