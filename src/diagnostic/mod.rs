//! What is wrong with a file, where, and what to type instead.
//!
//! Every stage before the launch reports through here: it hands on what it has and a [`Report`]; only a report
//! without errors unlocks the next stage. Nothing here prints: the renderings return text.

mod code;
mod render;
mod report;
mod source;
mod suggest;

pub use code::{Code, Severity};
pub use render::{Format, render};
pub use report::{Diagnostic, Label, Policy, Report};
pub use source::{FileId, Position, Sources, Span, Spanned};
pub use suggest::{did_you_mean, suggest};
