//! Documentation of an executor's endpoints, for the API description of a served flow.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Documentation of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointHelp {
    /// The endpoint, for example `/search`.
    pub endpoint: Cow<'static, str>,
    /// Effect of a request, as a phrase without a subject.
    pub summary: Cow<'static, str>,
    /// Parameters of the request.
    pub parameters: Vec<ParameterHelp>,
}

/// Documentation of a parameter of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterHelp {
    /// Name of the parameter.
    pub name: Cow<'static, str>,
    /// JSON type: `string`, `integer`, `number`, `boolean`, `array` or `object`.
    pub json_type: Cow<'static, str>,
    /// Meaning, as a phrase.
    pub summary: Cow<'static, str>,
}

impl EndpointHelp {
    /// Documents an endpoint.
    #[must_use]
    pub fn new<const N: usize>(
        endpoint: &'static str,
        summary: &'static str,
        parameters: [ParameterHelp; N],
    ) -> Self {
        Self { endpoint: endpoint.into(), summary: summary.into(), parameters: parameters.into() }
    }
}

impl ParameterHelp {
    /// Documents a parameter.
    #[must_use]
    pub const fn new(name: &'static str, json_type: &'static str, summary: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            json_type: Cow::Borrowed(json_type),
            summary: Cow::Borrowed(summary),
        }
    }
}
