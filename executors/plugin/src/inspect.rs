//! Inspection of the bytes of a library, without executing it: ELF headers, and the note, a section that describes the
//! library's executors.

use std::collections::HashSet;

use flowrun_sdk::abi::{Description, FLOWRUN_ABI_VERSION, NOTE_NAME, NOTE_SECTION, NOTE_TYPE};
use flowrun_sdk::guard::BinaryFormat;
use flowrun_sdk::{LibraryError, LibraryFault};
use object::elf::{EM_AARCH64, EM_X86_64, ET_DYN, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{Endianness, Object as _, ObjectSymbol as _};
use sha2::{Digest as _, Sha256};

use crate::error::wrong_version;

/// Name of the entry point.
pub(crate) const SYMBOL: &str = "flowrun_plugin";

/// Maximum size of a note in bytes: several hundred executors with their parameters.
const NOTE_BYTES_MAX: usize = 1 << 20;

/// Maximum number of executors of a library, and of parameters of an executor: enough in practice, and few enough to print.
const ENTRIES_MAX: usize = 256;

/// Bytes of a file that are examined to tell text from other formats.
const TEXT_BYTES_CHECKED: usize = 512;

/// Processor that this program is compiled for.
const MACHINE: (u16, &str) =
    if cfg!(target_arch = "aarch64") { (EM_AARCH64, "aarch64") } else { (EM_X86_64, "x86-64") };

/// Result of an inspection.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Size of the file in bytes.
    pub bytes: usize,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
    /// Version of the plugin interface, if there is a note.
    pub abi_version: Option<u32>,
    /// Description of the library, if its note can be read.
    pub description: Option<Description>,
    /// All problems.
    pub faults: Vec<LibraryError>,
}

/// Inspects the bytes of a library and reports all problems that are found.
pub fn inspect(bytes: &[u8]) -> Inspection {
    let mut inspection = Inspection {
        bytes: bytes.len(),
        sha256: hexadecimal(&Sha256::digest(bytes)),
        abi_version: None,
        description: None,
        faults: Vec::new(),
    };
    if let Err(fault) = inspect_elf(bytes, &mut inspection) {
        inspection.faults.push(fault);
    }
    inspection
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn inspect_elf(bytes: &[u8], inspection: &mut Inspection) -> Result<(), LibraryError> {
    check_format(bytes)?;
    check_machine(bytes)?;
    let file = object::read::elf::ElfFile64::<Endianness>::parse(bytes).map_err(truncated)?;
    if file.elf_header().e_type(file.endian()) != ET_DYN {
        let message = "the file is a program or a part of one, not a shared library";
        return Err(LibraryError::new(LibraryFault::NotALibrary, message));
    }
    check_complete(&file, bytes)?;
    let exported = |symbol: object::read::elf::ElfSymbol64<'_, '_, Endianness>| {
        symbol.is_definition() && symbol.name_bytes() == Ok(SYMBOL.as_bytes())
    };
    let has_entry_point = file.dynamic_symbols().any(exported);
    if !has_entry_point && file.section_by_name(NOTE_SECTION).is_none() {
        let message = format!("an ELF library that exports no `{SYMBOL}`: it is no plugin of flowrun");
        return Err(no_note(message));
    }
    let note = read_note(&file)?;
    inspection.abi_version = Some(note.abi_version);
    let description: Result<Description, _> = serde_json::from_str(note.json);
    let sdk = description.as_ref().map_or("", |description| &description.sdk);
    if note.abi_version != FLOWRUN_ABI_VERSION {
        inspection.faults.push(wrong_version(note.abi_version, sdk));
    }
    match description {
        Ok(description) => {
            check_names(&description, inspection);
            inspection.description = Some(description);
        }
        // Another version may have another format.
        Err(error) if inspection.faults.is_empty() => {
            inspection.faults.push(no_note(format_args!("the plugin's note cannot be read: {error}")));
        }
        Err(_) => {}
    }
    if !has_entry_point {
        let help =
            "write `export_executor!(MyExecutor::TYPE)`, in C a function of that name that is not static";
        let message = format!("the library does not export `{SYMBOL}`");
        inspection.faults.push(LibraryError::new(LibraryFault::NoSymbol, message).help(help));
    }
    Ok(())
}

/// Checks that the file is ELF; the error names the format that it has instead.
fn check_format(bytes: &[u8]) -> Result<(), LibraryError> {
    let (format, help) = match BinaryFormat::of(bytes) {
        Some(BinaryFormat::Elf) => return Ok(()),
        Some(BinaryFormat::MachO) => {
            ("a Mach-O file of macOS", "build the plugin on this machine, for Linux")
        }
        Some(BinaryFormat::Pe) => ("a PE file of Windows", "build the plugin on this machine, for Linux"),
        None if is_text(bytes) => {
            ("a text, such as a linker script or a shell script", "name the shared library itself")
        }
        None => (
            "in an unknown format",
            "name a shared library: in Rust `crate-type = [\"cdylib\"]`, in C `cc -shared -fPIC`",
        ),
    };
    let message = format!("the file is {format}, not an ELF library");
    Err(LibraryError::new(LibraryFault::NotALibrary, message).help(help))
}

/// Returns `true` if the bytes begin like a text.
fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..TEXT_BYTES_CHECKED).unwrap_or(bytes);
    !head.contains(&0)
        && match std::str::from_utf8(head) {
            Ok(_) => true,
            // The last character may be cut off.
            Err(error) => error.error_len().is_none() && !head.is_empty(),
        }
}

/// Checks that the file is for this processor.
fn check_machine(bytes: &[u8]) -> Result<(), LibraryError> {
    let wrong = |what: &str| {
        let message = format!("the plugin is for {what}; flowrun runs on {}", MACHINE.1);
        LibraryError::new(LibraryFault::WrongMachine, message)
            .help("build it on this machine, or for this machine's processor")
    };
    // Bytes 4 and 5 of ELF are the class and the byte order.
    match bytes.get(4..6) {
        Some([2, 1]) => {}
        Some([1, _]) => return Err(wrong("32-bit processors")),
        Some([2, 2]) => return Err(wrong("big-endian processors")),
        _ => return Err(truncated("its first bytes are not an ELF header")),
    }
    let header = FileHeader64::<Endianness>::parse(bytes).map_err(truncated)?;
    match header.e_machine(Endianness::Little) {
        machine if machine == MACHINE.0 => Ok(()),
        EM_AARCH64 => Err(wrong("aarch64")),
        EM_X86_64 => Err(wrong("x86-64")),
        other => Err(wrong(&format!("processor {other}"))),
    }
}

fn truncated(reason: impl std::fmt::Display) -> LibraryError {
    let message = format!("the file is damaged or cut off: {reason}");
    LibraryError::new(LibraryFault::Truncated, message).help("build or copy it again")
}

/// Checks that the file contains all of its segments and sections.
fn check_complete(
    file: &object::read::elf::ElfFile64<'_, Endianness>,
    bytes: &[u8],
) -> Result<(), LibraryError> {
    let endian = file.endian();
    let is_inside =
        |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= bytes.len() as u64);
    let segments = file.elf_program_headers();
    let loaded = segments.iter().all(|segment| is_inside(segment.p_offset(endian), segment.p_filesz(endian)));
    let sections = file.elf_section_table();
    let sections = sections
        .iter()
        .all(|section| section.file_range(endian).is_none_or(|(offset, size)| is_inside(offset, size)));
    if !loaded || !sections || segments.is_empty() {
        return Err(truncated("it has no segments, or a segment or section extends past its end"));
    }
    Ok(())
}

struct RawNote<'a> {
    abi_version: u32,
    json: &'a str,
}

fn no_note(reason: impl std::fmt::Display) -> LibraryError {
    LibraryError::new(LibraryFault::NoNote, reason)
        .help("write `export_executor!(MyExecutor::TYPE)`, in C `FLOWRUN_NOTE(…)` of flowrun.h")
}

/// Reads the note, whose layout is [`Note`](flowrun_sdk::abi::Note).
fn read_note<'a>(file: &object::read::elf::ElfFile64<'a, Endianness>) -> Result<RawNote<'a>, LibraryError> {
    use object::ObjectSection as _;
    let section = file.section_by_name(NOTE_SECTION);
    let section =
        section.ok_or_else(|| no_note("the library carries no note: it is no plugin of flowrun"))?;
    let bytes = section.data().map_err(truncated)?;
    let parse = || {
        let (head, rest) = bytes.split_at_checked(12)?;
        let word = |offset: usize| head.get(offset..offset + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let (name_length, length, kind) = (word(0)?, word(4)?, word(8)?);
        let (name, rest) = rest.split_at_checked(NOTE_NAME.len())?;
        if name != NOTE_NAME || name_length as usize != NOTE_NAME.len() || kind != NOTE_TYPE {
            return None;
        }
        let (version, json) = rest.get(..length as usize)?.split_at_checked(4)?;
        let json = std::str::from_utf8(json).ok()?.trim_end_matches(['\0', ' ']);
        Some(RawNote { abi_version: u32::from_ne_bytes(version.try_into().ok()?), json })
    };
    let note = parse().ok_or_else(|| no_note("the plugin's note has an invalid layout"))?;
    if note.json.len() > NOTE_BYTES_MAX {
        return Err(no_note(format_args!("the plugin's note has more than {NOTE_BYTES_MAX} bytes")));
    }
    Ok(note)
}

/// Checks that names are unique and not empty, and that there are not too many.
fn check_names(description: &Description, inspection: &mut Inspection) {
    let executors = &description.executors;
    let many = executors.len() > ENTRIES_MAX
        || executors.iter().any(|executor| executor.parameters.len() > ENTRIES_MAX);
    if executors.is_empty() || many {
        let message = format!(
            "the plugin has {} executors; 1 to {ENTRIES_MAX} are allowed, each with at most {ENTRIES_MAX} parameters",
            executors.len()
        );
        inspection.faults.push(no_note(message));
    }
    let mut seen = HashSet::new();
    for executor in executors {
        for name in std::iter::once(&executor.name).chain(&executor.aliases) {
            if name.is_empty() {
                inspection.faults.push(no_note("an executor of the plugin has no name"));
            } else if !seen.insert(name.as_str()) {
                let message = format!("the plugin has two executors that are called `{name}`");
                let fault = LibraryError::new(LibraryFault::DuplicateName, message);
                inspection.faults.push(fault.help("give one of them another name"));
            }
        }
    }
}
