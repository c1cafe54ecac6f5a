//! Diagnostics: mistakes in a file, their location, and what to type instead.
//!
//! Every stage before the launch returns its result together with a [`Report`]; the next stage runs only if the report has
//! no errors. Nothing here prints: renderers return text.

mod code;
mod render;
mod report;
mod source;
mod variable_texts;

pub use code::{Code, Severity};
pub use flowrun_sdk::{did_you_mean, suggest};
pub use render::{Format, render, render_all};
pub use report::{Diagnostic, Label, Policy, Report};
pub use source::{FileId, Position, Sources, Span, Spanned};
pub use variable_texts::VariableTexts;
