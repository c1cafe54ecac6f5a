//! The table of an executor that cannot be told anything.

use flowrun_sdk::{Field, ParameterError, Parameters, Reader, With};

/// No parameters: every key is a mistake.
#[derive(Clone, Debug)]
pub(crate) struct NoParameters;

impl Parameters for NoParameters {
    const FIELDS: &'static [Field] = &[];

    fn parse(with: &With) -> Result<Self, Vec<ParameterError>> {
        let errors = Reader::new(with, Self::FIELDS).finish();
        if errors.is_empty() { Ok(Self) } else { Err(errors) }
    }
}
