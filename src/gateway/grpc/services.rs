//! Names of the gRPC services that reflection lists and whose health can be queried.

/// Services of Jina's gateway and executors, all of which the gateway provides.
pub(super) const SERVICES: [&str; 7] = [
    "jina.JinaDataRequestRPC",
    "jina.JinaDiscoverEndpointsRPC",
    "jina.JinaGatewayDryRunRPC",
    "jina.JinaInfoRPC",
    "jina.JinaRPC",
    "jina.JinaSingleDataRequestRPC",
    "jina.JinaSingleDocumentRequestRPC",
];

/// The reflection service, which lists all services.
pub(super) const REFLECTION: &str = "grpc.reflection.v1alpha.ServerReflection";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::BUILT_IN;

    #[test]
    fn every_service_has_a_route() {
        for service in SERVICES.iter().chain([&REFLECTION]) {
            let prefix = format!("/{service}/");
            assert!(BUILT_IN.iter().any(|route| route.path.starts_with(&prefix)), "{service}");
        }
    }
}
