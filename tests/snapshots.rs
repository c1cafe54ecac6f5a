//! `flowrun index snapshot` and `restore`: snapshots of indexes in object stores. The S3 server is moto, which `make clients`
//! installs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::artifact::artifact;
use crate::support::program::{command, text};

/// An S3 server, stopped when it is dropped.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    /// Starts the server; `None` when it is not installed.
    fn start() -> Option<Self> {
        let environment =
            artifact("clients-s3", "tests/clients/requirements-s3.txt", "FLOWRUN_CLIENTS", "clients")?;
        let mut child = Command::new(environment.join("bin/python"))
            .args(["-B", "tests/clients/s3_server.py"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { child, input, output, address: String::new() };
        server.address = server.line();
        assert!(server.address.starts_with("http://127.0.0.1:"), "{}", server.address);
        Some(server)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a command to the server and returns its reply.
    fn command(&mut self, line: &str) -> String {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
        self.line()
    }

    /// Environment variables for access to the server.
    fn environment(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("AWS_ENDPOINT", &self.address),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It exits when its input is closed, and is killed otherwise.
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `flowrun index`, which must exit with this code. Returns its output.
fn index(directory: &Path, environment: &[(&str, &str)], arguments: &[&str], code: i32) -> String {
    let mut command = command(directory, &[&["index"], arguments].concat());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {printed}");
    printed
}

/// Creates an index whose vector file has several parts.
fn fill(directory: &Path) {
    let mut vectors = Vec::new();
    for row in 0..2500_u16 {
        vectors.extend(1024_i32.to_le_bytes());
        for column in 0..1024_u16 {
            vectors.extend((f32::from(row) + f32::from(column) / 1024.0).to_le_bytes());
        }
    }
    std::fs::write(directory.join("in.fvecs"), vectors).unwrap();
    index(directory, &[], &["import", "pod/0", "in.fvecs", "--metric", "euclidean"], 0);
}

/// The vectors of an index, exported.
fn exported(directory: &Path, path: &str) -> Vec<u8> {
    index(directory, &[], &["export", path, "out.fvecs"], 0);
    std::fs::read(directory.join("out.fvecs")).unwrap()
}

/// Names of the entries of a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_in_local_files_can_be_restored() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fill(directory);
    let before = exported(directory, "pod");
    let address = format!("file://{}/snapshots/monday", directory.display());
    let printed = index(directory, &[], &["snapshot", "pod", &address], 0);
    assert_eq!(printed, format!("copied 2500 documents to {address}\n"));
    let printed = index(directory, &[], &["restore", &address, "back/pod"], 0);
    assert_eq!(printed, "copied 2500 documents to back/pod\n");
    assert!(exported(directory, "back/pod") == before);
    index(directory, &[], &["verify", "back/pod"], 0);
    assert_eq!(
        (names(&directory.join("back")), names(directory)),
        (
            vec!["pod".to_owned()],
            ["back", "in.fvecs", "out.fvecs", "out.fvecs.ids", "pod", "snapshots"]
                .map(str::to_owned)
                .to_vec(),
        )
    );

    let printed = index(directory, &[], &["snapshot", "pod", &address], 1);
    assert!(printed.contains("a snapshot already exists: name another prefix"), "{printed}");
    let printed = index(directory, &[], &["restore", &address, "back/pod"], 1);
    assert!(printed.contains("back/pod is not empty: name a directory that does not exist yet"), "{printed}");
    std::fs::remove_file(directory.join("snapshots/monday/snapshot.json")).unwrap();
    let printed = index(directory, &[], &["restore", &address, "again"], 1);
    assert!(
        printed.contains("there is no snapshot: the address is wrong, or the upload was never completed"),
        "{printed}"
    );
    assert!(!directory.join("again").exists());
}

#[test]
fn a_snapshot_in_s3_can_be_restored() {
    let Some(mut server) = Server::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fill(directory);
    let before = exported(directory, "pod");
    let address = "s3://bucket/snapshots/monday";
    let environment = server.environment();
    let printed = index(directory, &environment, &["snapshot", "pod", address], 0);
    assert_eq!(printed, format!("copied 2500 documents to {address}\n"));
    let printed = index(directory, &environment, &["restore", address, "back"], 0);
    assert_eq!(printed, "copied 2500 documents to back\n");
    assert!(exported(directory, "back") == before);
    let printed = index(directory, &environment, &["snapshot", "pod", address], 1);
    assert!(printed.contains("a snapshot already exists: name another prefix"), "{printed}");
    let printed = index(directory, &environment, &["snapshot", "pod", "s3://nowhere/a"], 1);
    assert!(
        printed.contains("s3://nowhere/a: ") && printed.contains("; does the bucket exist?"),
        "{printed}"
    );

    let keys = server.command("keys");
    assert!(keys.ends_with("snapshot.json 0"), "{keys}");
    let large = keys.split(' ').find(|key| key.contains("vectors")).unwrap().to_owned();
    assert_eq!(server.command(&format!("damage {large}")), "done");
    let environment = server.environment();
    let printed = index(directory, &environment, &["restore", address, "damaged"], 1);
    assert!(printed.contains("it is damaged (SHA-256 "), "{printed}");
    assert!(!directory.join("damaged").exists());
    assert_eq!(server.command("remove snapshots/monday/snapshot.json"), "done");
    let printed = index(directory, &server.environment(), &["restore", address, "gone"], 1);
    assert!(
        printed.contains("there is no snapshot: the address is wrong, or the upload was never completed"),
        "{printed}"
    );
}

#[test]
fn access_errors_name_the_environment_variables() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    std::fs::write(directory.join("in.jsonl"), "{\"id\": \"a\", \"embedding\": [1, 2]}\n").unwrap();
    index(directory, &[], &["import", "pod/0", "in.jsonl"], 0);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    // The port is closed now.
    drop(free);
    let key =
        [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_ENDPOINT", &*endpoint)];
    let hint = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, for another server AWS_ENDPOINT, \
                and for http AWS_ALLOW_HTTP=true";
    let printed = index(directory, &key, &["snapshot", "pod", "s3://bucket/a"], 1);
    assert!(printed.contains("s3://bucket/a: ") && printed.contains(hint), "{printed}");
    let allowed = [&key[..], &[("AWS_ALLOW_HTTP", "true")]].concat();
    let printed = index(directory, &allowed, &["snapshot", "pod", "s3://bucket/a"], 1);
    assert!(printed.contains("onnection refused") && printed.contains(hint), "{printed}");
    let printed = index(directory, &[], &["snapshot", "pod", "az://container/a"], 1);
    assert!(printed.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{printed}");
    let printed = index(directory, &[], &["restore", "ftp://server/a", "b"], 1);
    assert!(
        printed
            .contains("write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path"),
        "{printed}"
    );
    assert_eq!(names(directory), ["in.jsonl", "pod"]);
}
