//! Jina's real clients, as their packages install them. `make clients` puts them where they are looked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::serving::{Serving, write_certificate};
use crate::support::made::made;

/// The environment with the clients of a schema.
pub(crate) fn environment(schema: &str) -> Option<PathBuf> {
    let requirements = format!("tests/clients/requirements-{schema}.txt");
    made(&format!("clients-{schema}"), &requirements, "FLOWRUN_CLIENTS", "clients")
}

fn talk(schema: &str) {
    let directory = tempfile::tempdir().unwrap();
    talk_in(directory.path(), schema, schema, &["flow.yml"], &[]);
}

/// Lets the clients of a schema talk to the flow, served with these arguments, as the script of that name and their
/// own arguments say.
fn talk_in(directory: &Path, schema: &str, script: &str, serve: &[&str], clients: &[&str]) {
    let Some(environment) = environment(schema) else { return };
    std::fs::copy("tests/clients/flow.yml", directory.join("flow.yml")).unwrap();
    let serving = Serving::start(directory, serve);
    // Clients that wait for ever are no reason to.
    let output = Command::new("timeout")
        .arg("120")
        .arg(environment.join("bin/python"))
        .arg(format!("tests/clients/{script}.py"))
        .arg(&serving.addresses[0])
        .args(clients)
        // Whom they trust: over gRPC, and over HTTP and WebSocket.
        .env("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", directory.join("tls.crt"))
        .env("SSL_CERT_FILE", directory.join("tls.crt"))
        // They must not call home.
        .env("NO_VERSION_CHECK", "1")
        .env("JINA_OPTOUT_TELEMETRY", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.trim_end().ends_with("done"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn clients_of_the_first_schema_connect_unchanged() {
    talk("v1");
}

#[test]
fn clients_connect_beneath_tls() {
    let directory = tempfile::tempdir().unwrap();
    write_certificate(directory.path(), "tls");
    let serve = ["flow.yml", "--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    talk_in(directory.path(), "v1", "v1", &serve, &["tls"]);
}

#[test]
fn clients_of_the_second_schema_connect_unchanged() {
    talk("v2");
}

#[test]
fn clients_hear_that_they_are_refused_while_they_send() {
    let directory = tempfile::tempdir().unwrap();
    let full = "jtype: Flow\nwith: {prefetch: 1, when_full: refuse}\nexecutors: [{name: a, uses: Pass}]\n";
    std::fs::write(directory.path().join("full.yml"), full).unwrap();
    talk_in(directory.path(), "v1", "refused", &["full.yml"], &[]);
}

#[test]
fn a_gateway_of_jinas_takes_the_flow_for_an_executor_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    talk_in(directory.path(), "v2", "external_v2", &["flow.yml"], &[]);
}
