//! Names and versions of the service, for `/status` and `JinaInfoRPC`.

use std::collections::BTreeMap;

use flowrun_wire::WORKER_INFO;

use super::service::Gateway;

/// Names and versions. Keys that Jina reports too are spelled like there.
pub(super) fn versions(gateway: &Gateway) -> BTreeMap<String, String> {
    let versions = [
        ("flowrun", env!("CARGO_PKG_VERSION")),
        ("flow", gateway.info.name.as_str()),
        // Versions of Jina with which the gateway is compatible; clients check them.
        ("jina", "3.34.0"),
        ("jina-proto", "0.1.27"),
        ("platform", std::env::consts::OS),
        ("architecture", std::env::consts::ARCH),
    ];
    let versions = versions.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned()));
    let worker = gateway.worker.iter().map(|worker| (WORKER_INFO.to_owned(), worker.to_string()));
    versions.chain(worker).collect()
}
