//! Formats of programs and libraries, recognised by the first bytes of a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Bytes that every signature fits in.
const SIGNATURE_BYTES: u64 = 4;

/// Format of a program or library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryFormat {
    /// ELF, the format of Linux.
    Elf,
    /// Mach-O, the format of macOS, for one processor or several.
    MachO,
    /// PE, the format of Windows.
    Pe,
}

impl BinaryFormat {
    /// The format of a file that begins with these bytes; `None` if it is neither a program nor a library.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x7f, b'E', b'L', b'F', ..] => Some(Self::Elf),
            [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Some(Self::MachO),
            [b'M', b'Z', ..] => Some(Self::Pe),
            _ => None,
        }
    }

    /// The format of the file at `path`; `None` also if the file cannot be read.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Self> {
        // A pipe would block the caller.
        std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(SIGNATURE_BYTES).read_to_end(&mut bytes).ok()?;
        // A text may begin with the letters of PE; a program contains bytes that no text has.
        Self::of(&bytes).filter(|format| *format != Self::Pe || bytes.get(2..).is_some_and(is_binary))
    }
}

/// Returns `true` if the bytes are not the beginning of a text.
fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| (byte.is_ascii_control() && !byte.is_ascii_whitespace()) || !byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised_by_their_first_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for (bytes, format) in [
            (&b"\x7fELF\x02"[..], Some(BinaryFormat::Elf)),
            (b"\xcf\xfa\xed\xfe", Some(BinaryFormat::MachO)),
            (b"\xfe\xed\xfa\xcf", Some(BinaryFormat::MachO)),
            (b"\xca\xfe\xba\xbe", Some(BinaryFormat::MachO)),
            (b"MZ\x90\0", Some(BinaryFormat::Pe)),
            (b"MZ: a text", None),
            (b"jtype: Flow", None),
            (b"", None),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(BinaryFormat::of_file(&path), format, "{bytes:?}");
        }
        assert_eq!(BinaryFormat::of_file(directory.path()), None);
    }
}
