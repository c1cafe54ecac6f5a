//! Protobuf messages, written field by field.

/// Appends a varint.
fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Encodes a length-delimited field: a message, string or bytes.
pub(crate) fn field(number: u32, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut bytes = Vec::with_capacity(content.len() + 8);
    put_varint(&mut bytes, u64::from(number) << 3 | 2);
    put_varint(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

/// Encodes a length-delimited field of length 0.
pub(crate) fn empty(number: u32) -> Vec<u8> {
    field(number, [])
}

/// Encodes the field `number`, which contains a message with the same field, and so on, `depth` levels deep.
pub(crate) fn nested(number: u32, depth: usize) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = Vec::with_capacity(depth);
    let mut length = 0;
    for _ in 0..depth {
        let mut head = Vec::new();
        put_varint(&mut head, u64::from(number) << 3 | 2);
        put_varint(&mut head, length);
        length += head.len() as u64;
        parts.push(head);
    }
    parts.iter().rev().flatten().copied().collect()
}

/// A `DataRequestProto` for `endpoint`. `documents` is an encoded `DocumentArrayProto`, `further` encoded fields of the
/// request that follow it.
pub(crate) fn request(endpoint: &str, documents: &[u8], further: &[u8]) -> Vec<u8> {
    let header = field(1, field(3, endpoint));
    let data = field(4, field(1, documents));
    [&header, &data, further].concat()
}

/// A `google.protobuf.Struct` with this number of short keys.
pub(crate) fn structure(keys: usize) -> Vec<u8> {
    // The field of an empty Value takes two bytes.
    (0..keys).flat_map(|key| field(1, [field(1, format!("{key:x}")), empty(2)].concat())).collect()
}

/// A `google.protobuf.Value` that is a list of this number of nulls.
pub(crate) fn list(values: usize) -> Vec<u8> {
    field(6, field(1, [8, 0]).repeat(values))
}
