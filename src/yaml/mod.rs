//! Stage 1, load: from bytes to a tree in which every node knows its place.
//!
//! Environment expressions are substituted here, on scalars that were parsed already, so that a value can never
//! change the structure of the file. What a node *means* is the next stage's business: a scalar stays text until a
//! key asks for an integer.

mod environment;
mod expand;
mod expression;
mod json;
mod load;
mod node;
mod substitute;
#[cfg(test)]
mod tests;

pub use environment::Environment;
pub use json::Schema;
pub use load::{load, load_text};
pub use node::{Mapping, Node, Origin, Scalar, Tag, Value};
