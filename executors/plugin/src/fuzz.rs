//! Fuzzer of the inspection of plugins: ELF headers and the JSON of the note.

use flowrun_fuzz::Target;
use flowrun_sdk::abi::{FLOWRUN_ABI_VERSION, NOTE_NAME, NOTE_TYPE};

use crate::inspect::inspect;

/// A library for this machine's processor: headers, a note with `json`, and the names of sections; without symbols.
fn library(json: &str) -> Vec<u8> {
    let padded = json.len().next_multiple_of(4);
    let words = [NOTE_NAME.len(), padded + 4, NOTE_TYPE as usize];
    let mut note: Vec<u8> = words.iter().flat_map(|word| (*word as u32).to_ne_bytes()).collect();
    note.extend(NOTE_NAME);
    note.extend(FLOWRUN_ABI_VERSION.to_ne_bytes());
    note.extend(format!("{json:padded$}").bytes());
    let names = b"\0.note.flowrun\0.shstrtab\0";
    // File header, one program header, note, names, three section headers.
    let (segments, content) = (64_u64, 64 + 56_u64);
    let names_at = content + note.len() as u64;
    let sections = (names_at + names.len() as u64).next_multiple_of(8);
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    put(&mut file, &[(3, 2), (machine.into(), 2), (1, 4), (0, 8), (segments, 8), (sections, 8), (0, 4)]);
    put(&mut file, &[(64, 2), (56, 2), (1, 2), (64, 2), (3, 2), (2, 2)]);
    put(&mut file, &[(1, 4), (4, 4), (0, 8), (0, 8), (0, 8), (sections, 8), (sections, 8), (4096, 8)]);
    file.extend(&note);
    file.extend(names);
    file.resize(sections as usize, 0);
    let section = |name, kind, offset, size| {
        [(name, 4), (kind, 4), (0, 8), (0, 8), (offset, 8), (size, 8), (0, 4), (0, 4), (1, 8), (0, 8)]
    };
    put(&mut file, &section(0, 0, 0, 0));
    put(&mut file, &section(1, 7, content, note.len() as u64));
    put(&mut file, &section(15, 3, names_at, names.len() as u64));
    file
}

/// Appends numbers in little-endian order: each is a value and its length in bytes.
fn put(file: &mut Vec<u8>, numbers: &[(u64, usize)]) {
    for (number, length) in numbers {
        file.extend(number.to_le_bytes().iter().take(*length));
    }
}

#[test]
fn any_library_is_inspected_within_its_budget() {
    let json = r#"{"name": "p", "version": "1", "sdk": "0.1.0", "executors": [{"name": "Upper", "aliases": ["U"],
        "description": "d", "parameters": [{"name": "a", "type": "integer", "default": 1}]}]}"#;
    let whole = library(json);
    let inspection = inspect(&whole);
    assert!(inspection.abi_version.is_some(), "the seed is read up to its note: {:?}", inspection.faults);
    Target::new("plugins").seeds([whole]).run(|input| {
        let inspection = inspect(input);
        format!("{:?} {:?}", inspection.abi_version.is_some(), inspection.faults.first())
    });
}
