//! Stage 1, load: from bytes to a tree of nodes with spans.
//!
//! Expressions are substituted here, in parsed scalars, so that a value can never change the structure of the file. The
//! meaning of a node is determined by the next stage: a scalar stays text until a key requires an integer.

mod environment;
mod expand;
mod expression;
mod json;
mod load;
mod merge;
mod node;
mod number;
mod schema;
mod substitute;
mod syntax_help;
#[cfg(test)]
mod tests;

pub use environment::Environment;
pub(crate) use json::is_ambiguous;
pub use load::{load, load_text};
pub use node::{Mapping, Node, Origin, Scalar, Tag, Value};
pub use schema::Schema;
