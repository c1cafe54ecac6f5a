//! HTTP paths of the flow's endpoints: Jina's four standard ones, those of `expose_endpoints`, and those that executors
//! name.
//!
//! With `no_crud_endpoints` the standard ones have a path only through `expose_endpoints`. With `no_debug_endpoints` as
//! well, this holds for all endpoints.
//!
//! An endpoint whose path is taken by a built-in route or an earlier endpoint, or cannot be routed, has no path of its
//! own and stays reachable through `/post`. The flow parser reports this for `expose_endpoints`.

use std::collections::BTreeSet;

use crate::routes::{CRUD, find, is_crud, is_literal};
use crate::spec::GatewaySpec;

/// A path that belongs to an endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) struct EndpointPath {
    /// Path of the URL, for example `/index`.
    pub(in crate::gateway) path: String,
    /// HTTP method in lower case.
    pub(in crate::gateway) method: &'static str,
    /// Endpoint that requests to the path are for.
    pub(in crate::gateway) endpoint: String,
}

/// The paths of a flow with this configuration, whose executors name `endpoints`.
pub(in crate::gateway) fn endpoint_paths(
    config: &GatewaySpec,
    endpoints: &BTreeSet<String>,
) -> Vec<EndpointPath> {
    let crud =
        CRUD.iter().filter(|_| !config.no_crud_endpoints).map(|(path, method)| (*path, *method, *path));
    let exposed = config.exposed.iter().map(|exposed| (&*exposed.path, "post", &*exposed.endpoint));
    // With both settings only exposed endpoints have a path, as in Jina.
    let hidden = config.no_debug_endpoints && config.no_crud_endpoints;
    let served = |endpoint: &&String| !(hidden || config.no_crud_endpoints && is_crud(endpoint));
    let named = endpoints.iter().filter(served).map(|endpoint| (&**endpoint, "post", &**endpoint));
    let mut taken = BTreeSet::new();
    crud.chain(exposed)
        .chain(named)
        .filter(|(path, ..)| is_literal(path) && find(path).is_none() && taken.insert(*path))
        .map(|(path, method, endpoint)| EndpointPath {
            path: path.to_owned(),
            method,
            endpoint: endpoint.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ExposedEndpoint;

    #[test]
    fn built_in_and_unroutable_paths_are_left_to_post() {
        let names = ["/say", "/live", "/dashboard/log", "/pages/a", "/a/{b}", "no slash", "/index"];
        let endpoints: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let config = GatewaySpec { no_crud_endpoints: true, ..GatewaySpec::default() };
        let paths: Vec<String> =
            endpoint_paths(&config, &endpoints).into_iter().map(|endpoint| endpoint.path).collect();
        assert_eq!(paths, ["/say"]);
        let paths = endpoint_paths(&GatewaySpec::default(), &endpoints);
        assert_eq!(paths.iter().filter(|endpoint| endpoint.path == "/index").count(), 1);
        assert_eq!(paths.len(), CRUD.len() + 1);
    }

    #[test]
    fn only_exposed_endpoints_have_a_path_without_debug_and_crud_endpoints() {
        let exposed = ExposedEndpoint { path: "/shown".to_owned(), endpoint: "/foo".to_owned() };
        let config = GatewaySpec {
            no_crud_endpoints: true,
            no_debug_endpoints: true,
            exposed: vec![exposed],
            ..GatewaySpec::default()
        };
        let endpoints = ["/foo", "/bar", "/index"].map(str::to_owned).into();
        let paths = endpoint_paths(&config, &endpoints);
        assert_eq!(paths.iter().map(|endpoint| &*endpoint.path).collect::<Vec<_>>(), ["/shown"]);
    }
}
