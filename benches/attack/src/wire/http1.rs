//! HTTP/1.1 requests.

/// Head of a request. `lines` are additional header lines, each with CR LF at its end.
pub(crate) fn head(method: &str, path: &str, lines: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n")
}

/// A `POST` request with a JSON body and its `content-length`. The service closes the connection after the reply.
pub(crate) fn request(path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let lines =
        format!("connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{lines}");
    [head("POST", path, &lines).as_bytes(), body].concat()
}

/// Head of `POST /post` that announces a JSON body of `length` bytes; the body is not included.
pub(crate) fn announcing(length: usize) -> String {
    head("POST", "/post", &format!("content-type: application/json\r\ncontent-length: {length}\r\n"))
}
