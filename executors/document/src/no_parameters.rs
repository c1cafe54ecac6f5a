//! Parameters of executors without parameters.

use flowrun_sdk::{ParameterError, ParameterField, ParameterReader, Parameters, RawParameters};

/// No parameters: every key is an error.
#[derive(Clone, Debug)]
pub(crate) struct NoParameters;

impl Parameters for NoParameters {
    const FIELDS: &'static [ParameterField] = &[];

    fn parse(with: &RawParameters) -> Result<Self, Vec<ParameterError>> {
        let errors = ParameterReader::new(with, Self::FIELDS).into_errors();
        if errors.is_empty() { Ok(Self) } else { Err(errors) }
    }
}
