//! HTTP/1.1 requests.

/// Head of a request with these further header lines, each ended by CR LF.
pub(crate) fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n")
}

/// A request whose body has a length and is JSON.
pub(crate) fn request(path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let lines =
        format!("connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{lines}");
    [head("POST", path, &lines).as_bytes(), body].concat()
}

/// Beginning of a request whose body is announced with `length` bytes.
pub(crate) fn announcing(length: usize) -> String {
    head("POST", "/post", &format!("content-type: application/json\r\ncontent-length: {length}\r\n"))
}
