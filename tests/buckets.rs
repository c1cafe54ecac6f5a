//! Snapshots of indexes in object stores, by the program. The S3 that it talks to over the wire is moto's, which
//! `make clients` installs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::made::made;
use crate::support::program::{command, text};

/// A server of S3 that ends with this.
struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    /// None where it is not installed.
    fn start() -> Option<Self> {
        let environment =
            made("clients-s3", "tests/clients/requirements-s3.txt", "FLOWRUN_CLIENTS", "clients")?;
        let mut child = Command::new(environment.join("bin/python"))
            .args(["-B", "tests/clients/s3.py"])
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

    /// Does something with the bucket; what is said.
    fn ask(&mut self, line: &str) -> String {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
        self.line()
    }

    /// What the program needs to know of it.
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
        // It ends when its input does; where it does not, it must.
        drop(self.input.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program says of an index; it ends with this code.
fn index(directory: &Path, environment: &[(&str, &str)], arguments: &[&str], code: i32) -> String {
    let mut command = command(directory, &[&["index"], arguments].concat());
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// An index whose vectors are a file of several parts.
fn fill(directory: &Path) {
    let mut vectors = Vec::new();
    for row in 0..2500_u16 {
        vectors.extend(1024_i32.to_le_bytes());
        for place in 0..1024_u16 {
            vectors.extend((f32::from(row) + f32::from(place) / 1024.0).to_le_bytes());
        }
    }
    std::fs::write(directory.join("in.fvecs"), vectors).unwrap();
    index(directory, &[], &["import", "pod/0", "in.fvecs", "--metric", "euclidean"], 0);
}

/// What is in an index, as it is exported.
fn exported(directory: &Path, path: &str) -> Vec<u8> {
    index(directory, &[], &["export", path, "out.fvecs"], 0);
    std::fs::read(directory.join("out.fvecs")).unwrap()
}

/// What lies in a directory, by name.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_goes_to_files_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fill(directory);
    let before = exported(directory, "pod");
    let address = format!("file://{}/snapshots/monday", directory.display());
    let said = index(directory, &[], &["snapshot", "pod", &address], 0);
    assert_eq!(said, format!("copied 2500 documents to {address}\n"));
    let said = index(directory, &[], &["restore", &address, "back/pod"], 0);
    assert_eq!(said, "copied 2500 documents to back/pod\n");
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

    let said = index(directory, &[], &["snapshot", "pod", &address], 1);
    assert!(said.contains("there is a snapshot already: name another prefix"), "{said}");
    let said = index(directory, &[], &["restore", &address, "back/pod"], 1);
    assert!(said.contains("back/pod is not empty: name a directory that does not exist yet"), "{said}");
    std::fs::remove_file(directory.join("snapshots/monday/snapshot.json")).unwrap();
    let said = index(directory, &[], &["restore", &address, "again"], 1);
    assert!(
        said.contains("there is no snapshot: the address is another, or it was never finished"),
        "{said}"
    );
    assert!(!directory.join("again").exists());
}

#[test]
fn a_snapshot_goes_to_s3_and_comes_back() {
    let Some(mut server) = Server::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fill(directory);
    let before = exported(directory, "pod");
    let address = "s3://bucket/snapshots/monday";
    let environment = server.environment();
    let said = index(directory, &environment, &["snapshot", "pod", address], 0);
    assert_eq!(said, format!("copied 2500 documents to {address}\n"));
    let said = index(directory, &environment, &["restore", address, "back"], 0);
    assert_eq!(said, "copied 2500 documents to back\n");
    assert!(exported(directory, "back") == before);
    let said = index(directory, &environment, &["snapshot", "pod", address], 1);
    assert!(said.contains("there is a snapshot already: name another prefix"), "{said}");
    let said = index(directory, &environment, &["snapshot", "pod", "s3://nowhere/a"], 1);
    assert!(said.contains("s3://nowhere/a: ") && said.contains("; is there such a bucket?"), "{said}");

    let keys = server.ask("keys");
    assert!(keys.ends_with("snapshot.json 0"), "{keys}");
    let large = keys.split(' ').find(|key| key.contains("vectors")).unwrap().to_owned();
    assert_eq!(server.ask(&format!("damage {large}")), "done");
    let environment = server.environment();
    let said = index(directory, &environment, &["restore", address, "damaged"], 1);
    assert!(said.contains("it is not what was stored (SHA-256 "), "{said}");
    assert!(!directory.join("damaged").exists());
    assert_eq!(server.ask("remove snapshots/monday/snapshot.json"), "done");
    let said = index(directory, &server.environment(), &["restore", address, "gone"], 1);
    assert!(
        said.contains("there is no snapshot: the address is another, or it was never finished"),
        "{said}"
    );
}

#[test]
fn who_is_not_let_in_hears_what_to_set() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    std::fs::write(directory.join("in.jsonl"), "{\"id\": \"a\", \"embedding\": [1, 2]}\n").unwrap();
    index(directory, &[], &["import", "pod/0", "in.jsonl"], 0);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    // Nobody listens there any more.
    drop(free);
    let key =
        [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_ENDPOINT", &*endpoint)];
    let hint = "see to AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, for another server to AWS_ENDPOINT, \
                and if that is http to AWS_ALLOW_HTTP=true";
    let said = index(directory, &key, &["snapshot", "pod", "s3://bucket/a"], 1);
    assert!(said.contains("s3://bucket/a: ") && said.contains(hint), "{said}");
    let allowed = [&key[..], &[("AWS_ALLOW_HTTP", "true")]].concat();
    let said = index(directory, &allowed, &["snapshot", "pod", "s3://bucket/a"], 1);
    assert!(said.contains("onnection refused") && said.contains(hint), "{said}");
    let said = index(directory, &[], &["snapshot", "pod", "az://container/a"], 1);
    assert!(said.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{said}");
    let said = index(directory, &[], &["restore", "ftp://server/a", "b"], 1);
    assert!(
        said.contains("write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path"),
        "{said}"
    );
    assert_eq!(names(directory), ["in.jsonl", "pod"]);
}
