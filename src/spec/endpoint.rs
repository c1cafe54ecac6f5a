//! Names of endpoints.

/// The endpoint `endpoint`, with a leading slash, which Jina's users sometimes omit.
pub(super) fn with_slash(endpoint: &str) -> String {
    if endpoint.starts_with('/') { endpoint.to_owned() } else { format!("/{endpoint}") }
}

/// The endpoint of a built-in executor that corresponds to a Python method of this name.
pub fn method_endpoint(name: &str) -> String {
    with_slash(name)
}
