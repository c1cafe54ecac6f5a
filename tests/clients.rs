//! Jina's clients, unmodified, against a service. `make clients` installs them; the tests pass without them unless the
//! environment variable FLOWRUN_CLIENTS is set.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::serving::{Serving, write_certificate};
use crate::support::artifact::artifact;

/// Directory of a Python environment of `tests/clients` (`v1`, `v2`, `arrow` or `s3`), if it is installed.
pub(crate) fn environment(schema: &str) -> Option<PathBuf> {
    let requirements = format!("tests/clients/requirements-{schema}.txt");
    artifact(&format!("clients-{schema}"), &requirements, "FLOWRUN_CLIENTS", "clients")
}

fn run_clients(schema: &str) {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), schema, schema, &["flow.yml"], &[]);
}

/// Serves a flow with the arguments `serve`, and runs a script of `tests/clients` with the address of the service and
/// `script_arguments`, in the environment of a schema.
fn run_script(directory: &Path, schema: &str, script: &str, serve: &[&str], script_arguments: &[&str]) {
    let Some(environment) = environment(schema) else { return };
    for file in ["flow.yml", "v2_flow.yml", "v2_executor.py", "v2_list.yml"] {
        std::fs::copy(format!("tests/clients/{file}"), directory.join(file)).unwrap();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let variables = [("VIRTUAL_ENV", environment.as_path()), ("PATH", path.as_ref())];
    let serving = Serving::start_with(directory, serve, &variables);
    // Limits the time of a client that waits forever.
    let output = Command::new("timeout")
        .arg("120")
        .arg(environment.join("bin/python"))
        .arg(format!("tests/clients/{script}.py"))
        .arg(&serving.addresses[0])
        .args(script_arguments)
        // Trusted certificates: for gRPC, and for HTTP and WebSocket.
        .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", directory.join("tls.crt"))
        .env("SSL_CERT_FILE", directory.join("tls.crt"))
        // No requests to the internet.
        .env("NO_VERSION_CHECK", "1")
        .env("JINA_OPTOUT_TELEMETRY", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.trim_end().ends_with("done"), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn clients_of_the_first_schema_work_unmodified() {
    run_clients("v1");
}

#[test]
fn clients_connect_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path(), "tls");
    let serve = ["flow.yml", "--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    run_script(directory.path(), "v1", "v1", &serve, &["tls"]);
}

#[test]
fn clients_of_the_second_schema_work_unmodified() {
    run_clients("v2");
}

#[test]
fn every_field_of_the_second_schema_is_returned_over_every_protocol() {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), "v2", "v2_fields", &["v2_flow.yml"], &[]);
}

#[test]
fn arrays_in_every_place_are_returned_over_every_protocol() {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), "v2", "v2_arrays", &["v2_flow.yml"], &[]);
}

#[test]
fn requests_without_documents_are_answered_in_the_schema_of_the_client() {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), "v2", "v2_list", &["v2_list.yml"], &[]);
}

#[test]
fn streaming_endpoints_return_every_document_that_they_yield() {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), "v2", "v2_stream", &["v2_flow.yml"], &[]);
}

#[test]
fn clients_receive_a_rejection_while_they_send() {
    let directory = tempfile::tempdir().unwrap();
    let full = "jtype: Flow\nwith: {prefetch: 1, when_full: refuse}\nexecutors: [{name: a, uses: Pass}]\n";
    std::fs::write(directory.path().join("full.yml"), full).unwrap();
    run_script(directory.path(), "v1", "rejected", &["full.yml"], &[]);
}

#[test]
fn jinas_gateway_can_use_the_flow_as_an_external_executor() {
    let directory = tempfile::tempdir().unwrap();
    run_script(directory.path(), "v2", "external_v2", &["flow.yml"], &[]);
}
