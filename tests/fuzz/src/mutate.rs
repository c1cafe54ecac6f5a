//! Mutations of bytes.

use crate::random::Random;

/// Most mutations of one input.
const MUTATIONS_MAX: usize = 6;

/// Longest sequence that is inserted, removed or repeated at a time.
const SPAN_MAX: usize = 256;

/// Numbers at the edges of integer types, which lengths and counts are replaced with.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x0000_0100_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Changes `input` in a few positions. `words` are byte sequences with a meaning in the format, `other` is another input.
pub(crate) fn mutate(
    random: &mut Random,
    input: &[u8],
    words: &[Vec<u8>],
    other: &[u8],
    bytes_max: usize,
) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(MUTATIONS_MAX) {
        mutate_once(random, &mut bytes, words, other);
        bytes.truncate(bytes_max);
    }
    bytes
}

fn mutate_once(random: &mut Random, bytes: &mut Vec<u8>, words: &[Vec<u8>], other: &[u8]) {
    let position = random.below(bytes.len());
    let end = bytes.len().min(position + 1 + random.small(SPAN_MAX));
    match random.below(9) {
        0 => replace(bytes, position, |byte| byte ^ 1 << random.below(8)),
        1 => replace(bytes, position, |_| random.number().to_le_bytes()[0]),
        2 => overwrite(bytes, position, &edge(random)),
        3 => drop(bytes.drain(position.min(end)..end)),
        4 => {
            let copied = bytes.get(position..end).unwrap_or_default().repeat(1 + random.small(SPAN_MAX));
            insert(bytes, position, &copied);
        }
        5 => {
            let start = random.below(other.len());
            let end = other.len().min(start + 1 + random.small(SPAN_MAX));
            insert(bytes, position, other.get(start..end).unwrap_or_default());
        }
        6 => bytes.truncate(position),
        7 if !words.is_empty() => insert(bytes, position, random.choose::<Vec<u8>>(words)),
        8 if !words.is_empty() => overwrite(bytes, position, random.choose::<Vec<u8>>(words)),
        _ => insert(bytes, position, &edge(random)),
    }
}

/// The bytes of a number, in either order.
fn edge(random: &mut Random) -> Vec<u8> {
    let number = random.choose(&EDGES);
    let length = *random.choose(&[1, 2, 4, 8]);
    let mut bytes = number.to_le_bytes().get(..length).unwrap_or_default().to_vec();
    if random.once_in(2) {
        bytes.reverse();
    }
    bytes
}

fn replace(bytes: &mut [u8], position: usize, change: impl FnOnce(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(position) {
        *byte = change(*byte);
    }
}

fn overwrite(bytes: &mut [u8], position: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(position).zip(with) {
        *byte = *new;
    }
}

fn insert(bytes: &mut Vec<u8>, position: usize, inserted: &[u8]) {
    let position = position.min(bytes.len());
    bytes.splice(position..position, inserted.iter().copied());
}
