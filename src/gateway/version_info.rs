//! What the gateway says when it is asked who it is.

use std::collections::BTreeMap;

use super::service::Gateway;

/// Names and versions, in the form in which Jina gives its own.
pub(super) fn versions(gateway: &Gateway) -> BTreeMap<String, String> {
    let versions = [
        ("flowrun", env!("CARGO_PKG_VERSION")),
        ("flow", gateway.facts.name.as_str()),
        // What clients that look at it expect to talk to.
        ("jina", "3.34.0"),
        ("jina-proto", "0.1.27"),
        ("platform", std::env::consts::OS),
        ("architecture", std::env::consts::ARCH),
    ];
    versions.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}
