//! HTTP/2 frames (RFC 9113), for clients that break the rules.

/// Types of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags of frames.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Connection preface without settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Identifier of the setting `SETTINGS_INITIAL_WINDOW_SIZE`.
const INITIAL_WINDOW: u16 = 4;

/// A frame of the type `kind` on a stream; stream 0 is the connection.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let [_, length @ ..] = length;
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Connection preface and settings; `window` is the initial flow-control window that the client grants each stream, in
/// bytes.
pub(crate) fn preface(window: u32) -> Vec<u8> {
    let setting = [&INITIAL_WINDOW.to_be_bytes()[..], &window.to_be_bytes()].concat();
    [PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat()
}

/// Header block of a gRPC call to `path` (RFC 7541, without compression).
pub(crate) fn call_headers(path: &str) -> Vec<u8> {
    // Indexed: POST, http. Literal with an indexed name: path, authority, content-type. Literal: te.
    let mut block = vec![0x83, 0x86];
    block.extend(literal(&[0x04], path));
    block.extend(literal(&[0x01], "localhost"));
    block.extend(literal(&[0x0f, 0x10], "application/grpc"));
    block.extend(literal(&[0x00, 2, b't', b'e'], "trailers"));
    block
}

/// A literal header field. `name` is its first part as encoded: the type of the field, and the name or its index.
pub(crate) fn literal(name: &[u8], value: &str) -> Vec<u8> {
    [name, &integer(value.len()), value.as_bytes()].concat()
}

/// Encodes the length of a string, an integer with a prefix of seven bits (RFC 7541, section 5.1).
fn integer(value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if value < 127 {
        bytes.push(value.to_le_bytes()[0]);
        return bytes;
    }
    bytes.push(127);
    let mut rest = value - 127;
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
    bytes
}

/// The first `count` identifiers of streams that a client opens: 1, 3, 5, ….
pub(crate) fn streams(count: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(count)
}
