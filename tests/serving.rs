//! The program `flowrun serve`: addresses, TLS, the token, exit codes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;

use crate::support::program::{PASS, command, directory};

/// A running `flowrun serve`, killed when it is dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) addresses: Vec<String>,
}

impl Serving {
    /// Starts the program in `directory`, and reads the addresses that it listens at.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_with(directory, arguments, &[])
    }

    /// Like [`Serving::start`], with environment variables.
    pub(crate) fn start_with(directory: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Self {
        let mut command = command(directory, arguments);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            let output = child.wait_with_output().unwrap();
            panic!("{}", String::from_utf8_lossy(&output.stderr))
        };
        let addresses = line["listening"].as_array().unwrap();
        Self {
            child,
            addresses: addresses.iter().map(|address| address.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// Sends `body` to `/post`. Returns the response with its headers.
    pub(crate) fn post(&self, body: &Value) -> String {
        let mut stream = TcpStream::connect(&self.addresses[0]).unwrap();
        let body = body.to_string();
        let head = format!(
            "POST /post HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}",
            body.len()
        );
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    pub(crate) fn get(&self, number: usize, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.addresses[number]).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGKILL, and waits for the exit.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The standard error of the program.
    pub(crate) fn take_stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn send_sigterm(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits for the exit. Returns the exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends SIGTERM. Returns everything written to standard error.
    pub(crate) fn stderr_until_exit(mut self) -> String {
        self.send_sigterm();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        stderr
    }

    /// Sends SIGTERM. Returns the exit code.
    fn terminate(mut self) -> Option<i32> {
        self.send_sigterm();
        self.wait()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // No effect if the program has exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_flow_without_input_is_served_until_sigterm() {
    let directory = directory(PASS);
    for arguments in [&["flow.yml"][..], &["run", "flow.yml", "--port", "0"], &["serve", "flow.yml"]] {
        let serving = Serving::start(directory.path(), arguments);
        assert!(serving.addresses[0].starts_with("127.0.0.1:"), "{:?}", serving.addresses);
        assert!(serving.get(0, "/status").contains(env!("CARGO_PKG_VERSION")));
        assert_eq!(serving.terminate(), Some(143));
    }
}

#[test]
fn every_port_serves_every_protocol_and_options_override_the_flow() {
    let flow = "jtype: Flow\ngateway: {port: [0, 0], protocol: [http, grpc], host: localhost}\nexecutors: [{name: a, uses: Pass}]\n";
    let directory = directory(flow);
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    assert_eq!(serving.addresses.len(), 2);
    assert!((0..2).all(|number| serving.get(number, "/live").starts_with("HTTP/1.1 200")));
    let serving =
        Serving::start(directory.path(), &["serve", "flow.yml", "--port", "0", "--host", "127.0.0.1"]);
    assert_eq!(serving.addresses.len(), 1);
}

#[test]
fn a_deployment_is_served_with_its_own_gateway_keys() {
    let with =
        "{name: a, uses: Pass, port: [0, 0], protocol: [http, grpc], title: Mine, no_crud_endpoints: true}";
    let directory = directory(&format!("jtype: Deployment\nwith: {with}\n"));
    let serving = Serving::start(directory.path(), &["flow.yml"]);
    assert_eq!(serving.addresses.len(), 2);
    let described = serving.get(1, "/openapi.json");
    assert!(described.contains(r#""title":"Mine""#) && !described.contains("/update"), "{described}");
}

fn failed_start(flow: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let directory = directory(flow);
    let Output { status, stderr, .. } = command(directory.path(), arguments).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_public_address_needs_a_token_or_insecure() {
    let open = "jtype: Flow\nwith: {host: 0.0.0.0}\nexecutors: [{name: a, uses: Pass}]\n";
    let (code, stderr) = failed_start(open, &["serve", "flow.yml"]);
    assert_eq!((code, stderr.contains("--token-file FILE")), (Some(2), true), "{stderr}");
    let directory = directory(open);
    drop(Serving::start(directory.path(), &["serve", "flow.yml", "--insecure"]));
    std::fs::write(directory.path().join("token"), "secret\n").unwrap();
    let serving = Serving::start(directory.path(), &["serve", "flow.yml", "--token-file", "token"]);
    let port = serving.addresses[0].rsplit(':').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(stream, "GET /status HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 401"), "{response}");
}

#[test]
fn tokens_of_the_flow_come_from_variables_and_files() {
    let tokens = "[{role: read, variable: READER}, {role: admin, file: admin.token}]";
    let flow = format!(
        "jtype: Flow\nwith: {{logserver: true, tokens: {tokens}}}\nexecutors: [{{name: a, uses: Pass}}]\n"
    );
    let (code, stderr) = failed_start(&flow, &["flow.yml"]);
    assert_eq!((code, stderr.contains("the variable `READER`")), (Some(2), true), "{stderr}");

    let directory = directory(&flow);
    std::fs::write(directory.path().join("admin.token"), "boss\n").unwrap();
    let serving = Serving::start_with(directory.path(), &["flow.yml"], &[("READER", "guest".as_ref())]);
    let status = |path: &str, token: &str| {
        let mut stream = TcpStream::connect(&serving.addresses[0]).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}");
        write!(stream, "{head}\r\nconnection: close\r\n\r\n").unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!([status("/metrics", "guest"), status("/dashboard.json", "guest")], [200, 403]);
    assert_eq!([status("/dashboard.json", "boss"), status("/metrics", "other")], [200, 401]);
}

/// Nice value of a thread or a process, and its parent process.
#[cfg(target_os = "linux")]
fn niceness(directory: &Path) -> Option<(i32, u32)> {
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    // After the name in parentheses.
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    Some((fields.get(16)?.parse().ok()?, fields.get(1)?.parse().ok()?))
}

#[cfg(target_os = "linux")]
#[test]
fn workers_have_a_lower_priority_than_the_gateway() {
    use flowrun::limits::WORKER_NICENESS;
    let flow = "jtype: Flow\nexecutors:\n- {name: inside, uses: ImageDescriptorEncoder}\n\
                - {name: apart, uses: TextHashingEncoder, isolate: process}\n";
    let directory = directory(flow);
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    // A worker thread sets its name before its first call.
    serving.post(&serde_json::json!({"data": [{"text": "a"}], "exec_endpoint": "/index"}));
    let own = niceness(Path::new("/proc/self")).unwrap().0;
    let lowered = (own + WORKER_NICENESS).min(19);
    let listed = |path: &str| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let threads: Vec<(String, i32)> = listed(&format!("/proc/{}/task", serving.pid()))
        .filter_map(|thread| {
            let name = std::fs::read_to_string(thread.join("comm")).ok()?;
            Some((name.trim().to_owned(), niceness(&thread)?.0))
        })
        .collect();
    assert!(threads.contains(&("inside".to_owned(), lowered)), "{threads:?}");
    assert!(
        threads.iter().filter(|(name, niceness)| name.starts_with("tokio") && *niceness == own).count() > 1
    );
    let children: Vec<i32> = listed("/proc")
        .filter_map(|process| niceness(&process))
        .filter_map(|(niceness, parent)| (parent == serving.pid()).then_some(niceness))
        .collect();
    assert!(children.contains(&lowered), "{children:?} {threads:?}");
}

#[test]
fn a_certificate_is_read_relative_to_the_flow_or_from_the_command_line() {
    let flow = "jtype: Flow\ngateway: {ssl_certfile: tls/a.crt, ssl_keyfile: tls/a.key}\nexecutors: [{name: a, uses: Pass}]\n";
    let directory = directory(flow);
    let (code, stderr) = failed_start(flow, &["serve", "flow.yml"]);
    assert_eq!((code, stderr.contains("cannot read tls/a.crt")), (Some(2), true), "{stderr}");
    let (code, stderr) = failed_start(PASS, &["serve", "flow.yml", "--tls-cert", "a.crt"]);
    assert_eq!((code, stderr.contains("--tls-key <FILE>")), (Some(2), true), "{stderr}");

    std::fs::create_dir(directory.path().join("tls")).unwrap();
    write_certificate(&directory.path().join("tls"), "a");
    write_certificate(directory.path(), "b");
    let path = directory.path().join("flow.yml").display().to_string();
    for arguments in [&["serve", &path][..], &["serve", &path, "--tls-cert", "b.crt", "--tls-key", "b.key"]] {
        let serving = Serving::start(directory.path(), arguments);
        let mut stream = TcpStream::connect(&serving.addresses[0]).unwrap();
        write!(stream, "GET /live HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = [0; 1];
        stream.read_exact(&mut answer).unwrap();
        // A TLS alert: plaintext was received.
        assert_eq!(answer, [21]);
    }
}

/// Generates a certificate for `localhost`, and writes it and its key to `directory` as `NAME.crt` and `NAME.key`.
pub(crate) fn write_certificate(directory: &Path, name: &str) {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let generated = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(directory.join(name).with_extension("crt"), generated.cert.pem()).unwrap();
    std::fs::write(directory.join(name).with_extension("key"), generated.signing_key.serialize_pem())
        .unwrap();
}

#[test]
fn invalid_gateway_settings_are_reported_at_their_position() {
    let flow = "jtype: Flow\nwith: {port: 70000, protocol: gprc}\nexecutors: [{name: a, uses: Pass}]\n";
    let (code, stderr) = failed_start(flow, &["serve", "flow.yml"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("`70000` is not a port") && stderr.contains("did you mean `GRPC`?"), "{stderr}");
}

#[test]
fn an_option_of_a_batch_job_is_never_ignored_by_a_service() {
    for options in
        [&["--endpoint", "/index"][..], &["--include", "*.jpg"], &["--timeout", "2"], &["--keep-going"]]
    {
        let (code, stderr) = failed_start(PASS, &[&["flow.yml"][..], options].concat());
        assert_eq!(code, Some(2), "{options:?}: {stderr}");
        assert!(
            stderr.contains("no input for a batch job") || stderr.contains("has no endpoint"),
            "{options:?}: {stderr}"
        );
    }
}

#[test]
fn the_search_page_is_opened_in_the_browser() {
    let directory = directory("jtype: Flow\nexecutors: [{name: a, uses: Pass}]\n");
    let (browser, opened) = (directory.path().join("browser"), directory.path().join("opened"));
    // Reading the pipe waits for the program.
    assert!(Command::new("mkfifo").arg(&opened).status().unwrap().success());
    std::fs::write(&browser, format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display())).unwrap();
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let variables = [("BROWSER", browser.as_path())];
    let serving = Serving::start_with(directory.path(), &["serve", "flow.yml", "--open"], &variables);
    let address = std::fs::read_to_string(&opened).unwrap();
    assert_eq!(address, format!("http://{}/\n", serving.addresses[0]));
}

#[test]
fn the_service_reports_not_ready_during_the_drain_delay_and_still_accepts_requests() {
    let directory = directory("jtype: Flow\nexecutors: [{name: a, uses: Pass}]\n");
    let mut serving = Serving::start(directory.path(), &["serve", "flow.yml", "--drain-delay", "3"]);
    assert!(serving.get(0, "/ready").starts_with("HTTP/1.1 200 "));
    serving.send_sigterm();
    let mut ready = serving.get(0, "/ready");
    while ready.starts_with("HTTP/1.1 200 ") {
        ready = serving.get(0, "/ready");
    }
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("the gateway is shutting down"), "{ready}");
    let reply = serving.post(&serde_json::json!({ "data": [{ "id": "a" }], "execEndpoint": "/x" }));
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    assert_eq!(serving.wait(), Some(143));
}

#[test]
fn clients_report_that_only_one_side_uses_tls() {
    let directory = directory("jtype: Flow\nexecutors: [{name: a, uses: Pass}]\n");
    write_certificate(directory.path(), "a");
    let tls =
        Serving::start(directory.path(), &["serve", "flow.yml", "--tls-cert", "a.crt", "--tls-key", "a.key"]);
    let plain = Serving::start(directory.path(), &["serve", "flow.yml"]);
    let error = |address: String, more: &[&str]| {
        let arguments = [&["client", &address, "/x"][..], more].concat();
        let output = command(directory.path(), &arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let without = error(tls.addresses[0].clone(), &[]);
    assert_eq!(without.matches("this port speaks TLS: use grpcs://").count(), 1, "{without}");
    assert_eq!(without.matches("connection lost").count(), 1, "{without}");
    let with = error(format!("grpcs://{}", plain.addresses[0]), &["--ca", "a.crt"]);
    assert!(with.contains("this port does not speak TLS: use grpc://"), "{with}");
}

#[test]
fn a_misspelt_endpoint_is_logged_once_with_a_suggestion_and_the_reply_is_unchanged() {
    let directory = directory(
        "jtype: Flow\nwith: {workspace: ws}\nexecutors:\n- {name: enc, uses: TextHashingEncoder}\n- {name: idx, uses: VectorIndexer}\n",
    );
    let serving = Serving::start(directory.path(), &["serve", "flow.yml"]);
    for _ in 0..3 {
        let body = serde_json::json!({ "data": [{ "id": "a", "text": "t" }], "execEndpoint": "/serach" });
        assert!(serving.post(&body).starts_with("HTTP/1.1 200 "));
    }
    let client = command(directory.path(), &["client", &serving.addresses[0], "/serach"]).output().unwrap();
    let warning = String::from_utf8(client.stderr).unwrap();
    assert!(client.status.success() && warning.contains("did you mean `/search`?"), "{warning}");
    let stderr = serving.stderr_until_exit();
    assert_eq!(stderr.matches("did you mean `/search`?").count(), 1, "{stderr}");
}
