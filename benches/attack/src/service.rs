//! The attacked service: the program `flowrun` with an index of a hundred documents.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::memory::ProcessMemory;
use crate::memory_limit::MemoryLimit;
use crate::wire::http1;

/// The flow. `prefetch: 2` keeps the requests inside the flow below 1 GiB of memory.
const FLOW: &str = "jtype: Flow
with: {prefetch: 2, workspace: workspace, logserver: true}
executors:
- {name: encoder, uses: TextHashingEncoder}
- {name: indexer, uses: VectorIndexer}
";

/// Documents in the index.
const DOCUMENTS: usize = 100;

/// Time for a reply of the service between attacks.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A running service, killed when it is dropped.
pub struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) memory: ProcessMemory,
    /// Memory bound that `flowrun check` prints, in bytes.
    pub(crate) memory_bound: u64,
    _directory: tempfile::TempDir,
}

impl Service {
    /// Starts `program`, under a memory limit if there is one, and fills the index.
    ///
    /// # Errors
    /// If the program cannot be started or does not answer as expected.
    pub fn start(program: &Path, limit: Option<&MemoryLimit>) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let program = std::fs::canonicalize(program)?;
        std::fs::write(directory.path().join("flow.yml"), FLOW)?;
        let command = |arguments: &[&str]| {
            let mut command = limit.map_or_else(|| Command::new(&program), |limit| limit.command(&program));
            command.args(arguments).current_dir(directory.path()).env_clear().stdin(Stdio::null());
            command
        };
        let checked = command(&["check", "flow.yml"]).output()?;
        let memory_bound = printed_bound(&String::from_utf8_lossy(&checked.stdout))?;
        let mut serving = command(&["serve", "flow.yml", "--quiet"]);
        let mut child = serving.stdout(Stdio::piped()).spawn()?;
        let address = listening_address(&mut child)?;
        let memory = ProcessMemory::of(child.id());
        let service = Self { child, address, memory, memory_bound, _directory: directory };
        let documents: Vec<Value> =
            (0..DOCUMENTS).map(|number| json!({"id": number.to_string(), "text": text(number)})).collect();
        service.post("/index", &json!({"data": documents}))?;
        Ok(service)
    }

    /// Bytes of address space that it reserves without using them.
    pub fn reserved(&self) -> u64 {
        self.memory.reserved().unwrap_or_default()
    }

    /// Returns the stored documents with all their fields, as the JSON of `/list`.
    ///
    /// # Errors
    /// If the service does not answer.
    pub(crate) fn stored(&self) -> io::Result<Value> {
        let mut reply = self.post("/list", &json!({"parameters": {"limit": 10 * DOCUMENTS}}))?;
        Ok(reply.get_mut("data").map(Value::take).unwrap_or_default())
    }

    /// Exit status, if the process has ended.
    pub(crate) fn ended(&mut self) -> Option<String> {
        // A process that is ending has no memory any more, and may not have an exit status yet.
        let status = match self.memory.resident() {
            Some(_) => self.child.try_wait(),
            None => self.child.wait().map(Some),
        };
        status.unwrap_or_default().map(|status| status.to_string())
    }

    fn post(&self, endpoint: &str, body: &Value) -> io::Result<Value> {
        let mut message = body.clone();
        if let Some(fields) = message.as_object_mut() {
            fields.insert("execEndpoint".to_owned(), json!(endpoint));
        }
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        stream.write_all(&http1::request("/post", "", message.to_string().as_bytes()))?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(format!("{endpoint} was answered with {reply}")));
        }
        serde_json::from_str(body).map_err(io::Error::other)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // No effect if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Text of a document: words that many documents share.
fn text(number: usize) -> String {
    let mut text = String::new();
    for divisor in 1..6 {
        // Writing to a string does not fail.
        let _ = write!(text, "word{} ", number / divisor);
    }
    text
}

fn listening_address(child: &mut Child) -> io::Result<SocketAddr> {
    let output = child.stdout.as_mut().ok_or_else(|| io::Error::other("no standard output"))?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let line: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
    let address = line.pointer("/listening/0").and_then(Value::as_str).unwrap_or_default();
    address.parse().map_err(io::Error::other)
}

/// Bytes in the line `memory bound: …` of `flowrun check`: those after the last equals sign, or before the first comma.
fn printed_bound(output: &str) -> io::Result<u64> {
    let line = output.lines().find_map(|line| line.strip_prefix("memory bound: "));
    let amount = line.and_then(|line| line.rsplit("= ").next()?.split(',').next());
    amount
        .and_then(bytes)
        .ok_or_else(|| io::Error::other(format!("`flowrun check` printed no memory bound:\n{output}")))
}

/// Parses an amount such as `1.5 GiB`.
fn bytes(amount: &str) -> Option<u64> {
    let (number, unit) = amount.split_once(' ')?;
    let power = ["B", "KiB", "MiB", "GiB", "TiB"].iter().position(|known| *known == unit)?;
    let number: f64 = number.parse().ok()?;
    let bytes = number * 1024_f64.powi(i32::try_from(power).ok()?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rounded number of bytes")]
    Some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_read_as_a_product_and_as_a_sum() {
        let product = "credits: 2\nmemory bound: 2 requests × 1 copy × 256 MiB = 512 MiB\n";
        assert_eq!(printed_bound(product).ok(), Some(512 << 20));
        let sum = "memory bound: 1.5 GiB, besides programs, models and indexes\n  flow: 512 MiB\n";
        assert_eq!(printed_bound(sum).ok(), Some(3 << 29));
        assert!(printed_bound("nothing").is_err());
    }
}
