//! Unusable libraries: each is rejected with its own code within five seconds, the process survives, and a library with a
//! wrong note or hash is never executed.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowrun::diagnostic::Code;

use super::{directory, start, write};
use crate::support::program::{flowrun, text};
use crate::support::{self, plugin};

/// Source of a library that creates a file when it is loaded.
fn source(directory: &Path, note: &str, body: &str) -> String {
    let ran = directory.join("ran");
    format!(
        "#include <stdio.h>\n#include \"flowrun.h\"\n{note}\n\
         __attribute__((constructor)) static void run(void) {{ FILE *file = fopen({:?}, \"w\"); if (file) fclose(file); }}\n\
         static uint32_t create(const flowrun_build *build, flowrun_made *made) {{ (void)build; (void)made; return 0; }}\n\
         static uint32_t execute(void *executor, const flowrun_call *call) {{ (void)executor; (void)call; return 0; }}\n\
         static void destroy(void *executor) {{ (void)executor; }}\n{body}\n\
         void *used[] = {{(void *)create, (void *)execute, (void *)destroy}};\n",
        ran.display().to_string()
    )
}

const NOTE: &str =
    "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": [{\\\"name\\\": \\\"Bad\\\"}]}\");";

const TABLE: &str = "static const flowrun_plugin_table table = {\n    sizeof table, FLOWRUN_ABI_VERSION, flowrun_describe, \
                     create, execute, NULL, destroy,\n};\n";

fn symbol(statement: &str) -> String {
    format!(
        "{TABLE}const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host) {{ (void)host; (void)table; {statement} }}"
    )
}

/// Compiles a library with this note and this body of the entry point.
fn library(directory: &Path, note: &str, statement: &str) -> PathBuf {
    let path = directory.join("bad.so");
    plugin::compile_with(&source(directory, note, &symbol(statement)), &path, &["-Wno-pedantic"]);
    path
}

fn valid_library(directory: &Path) -> PathBuf {
    library(directory, NOTE, "return &table;")
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Asserts that a flow with this library is rejected with `code`. Returns `true` if the library was executed.
async fn rejected(make: impl FnOnce(&Path) -> PathBuf, code: Code, message: &str) -> bool {
    let directory = directory("- {name: a, uses: bad.so}\n");
    make(directory.path());
    let started = Instant::now();
    let (codes, text) =
        start(directory.path()).await.err().unwrap_or_else(|| panic!("{code:?}: it was accepted"));
    assert!(started.elapsed() < Duration::from_secs(5), "{code:?} took {:?}", started.elapsed());
    assert_eq!(codes, [code], "{text}");
    assert!(text.contains(message) && text.contains("flow.yml:4:19"), "{text}");
    assert_alive().await;
    directory.path().join("ran").exists()
}

/// Asserts that the process still serves flows.
async fn assert_alive() {
    let flow = support::flow("- {name: a, uses: Pass}\n").await;
    support::reply(support::send(&flow, "/index", &["a"]).await);
}

async fn rejected_unexecuted(make: impl FnOnce(&Path) -> PathBuf, code: Code, message: &str) {
    assert!(!rejected(make, code, message).await, "{code:?}: the library was executed");
}

#[tokio::test]
async fn a_file_that_is_not_elf_is_rejected() {
    let make = |directory: &Path| {
        std::fs::write(directory.join("bad.so"), "#!/bin/sh\n").unwrap();
        directory.to_owned()
    };
    rejected_unexecuted(make, Code::PluginNotALibrary, "not an ELF library").await;
}

#[tokio::test]
async fn a_file_of_another_format_is_rejected_with_its_name() {
    for (bytes, format) in [
        (&b"\xcf\xfa\xed\xfe\x07\0\0\x01"[..], "a Mach-O file of macOS"),
        (b"MZ\x90\0\x03\0\0\0", "a PE file of Windows"),
        (b"/* GNU ld script */\nGROUP ( libbad.so.1 )\n", "a text, such as a linker script"),
        (b"\x89PNG\r\n\x1a\n\0", "in an unknown format"),
    ] {
        let make = |directory: &Path| {
            std::fs::write(directory.join("bad.so"), bytes).unwrap();
            directory.to_owned()
        };
        rejected_unexecuted(make, Code::PluginNotALibrary, format).await;
    }
}

#[tokio::test]
async fn a_library_of_any_name_is_recognised_by_its_content() {
    for name in ["libbad.so.1", "./libbad.so.1.2", "./bad"] {
        let directory = directory(&format!("- {{name: a, uses: {name}}}\n"));
        let path = directory.path().join(name);
        std::fs::copy(valid_library(directory.path()), &path).unwrap();
        start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{name}: {report}"));
    }
    for name in ["libc.so.6", "./other"] {
        let directory = directory(&format!("- {{name: a, uses: {name}}}\n"));
        plugin::compile("int other(void) { return 1; }", &directory.path().join(name));
        let (codes, text) = start(directory.path()).await.err().unwrap();
        assert_eq!(codes, [Code::PluginWithoutNote], "{text}");
        assert!(text.contains("an ELF library that exports no `flowrun_plugin`"), "{text}");
    }
    let directory = directory("- {name: a, uses: ./libfoo.so.1}\n");
    std::fs::write(directory.path().join("libfoo.so.1"), "GROUP ( libfoo.so.1.2 )\n").unwrap();
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginNotALibrary], "{text}");
}

#[tokio::test]
async fn an_object_file_is_rejected() {
    let make = |directory: &Path| {
        let path = valid_library(directory);
        // Bytes 16 and 17 are the type of the file: 1 is an object file.
        change(&path, |bytes| bytes[16] = 1);
        path
    };
    rejected_unexecuted(make, Code::PluginNotALibrary, "a part of one").await;
}

#[tokio::test]
async fn a_truncated_library_is_rejected() {
    for left in [5, 40, 300, 5000, usize::MAX] {
        let make = |directory: &Path| {
            let path = valid_library(directory);
            change(&path, |bytes| bytes.truncate(left.min(bytes.len() - 1)));
            path
        };
        rejected_unexecuted(make, Code::PluginTruncated, "damaged or cut off").await;
    }
}

#[tokio::test]
async fn a_library_for_another_processor_is_rejected() {
    let other = if cfg!(target_arch = "x86_64") { (183, "aarch64") } else { (62, "x86-64") };
    let make = |directory: &Path| {
        let path = valid_library(directory);
        change(&path, |bytes| bytes[18] = other.0);
        path
    };
    rejected_unexecuted(make, Code::PluginWrongMachine, other.1).await;
}

#[tokio::test]
async fn a_library_without_the_entry_point_is_rejected() {
    let make = |directory: &Path| {
        let path = directory.join("bad.so");
        let body = format!("{TABLE}const flowrun_plugin_table *other(void) {{ return &table; }}");
        plugin::compile_with(&source(directory, NOTE, &body), &path, &["-Wno-pedantic"]);
        path
    };
    rejected_unexecuted(make, Code::PluginWithoutSymbol, "flowrun_plugin").await;
}

#[tokio::test]
async fn a_library_of_another_interface_version_is_rejected() {
    for (version, message) in
        [("(FLOWRUN_ABI_VERSION + 1)", "version 2"), ("(FLOWRUN_ABI_VERSION - 1)", "version 0")]
    {
        let note = format!(
            "static const unsigned known = FLOWRUN_ABI_VERSION;\nenum {{ other = {version} }};\n\
                            #undef FLOWRUN_ABI_VERSION\n#define FLOWRUN_ABI_VERSION other\n{NOTE}"
        );
        let make = |directory: &Path| library(directory, &note, "return known ? &table : NULL;");
        rejected_unexecuted(make, Code::PluginWrongVersion, message).await;
    }
}

#[tokio::test]
async fn a_library_that_returns_another_version_is_rejected() {
    let make = |directory: &Path| {
        library(
            directory,
            NOTE,
            "static flowrun_plugin_table other; other = table; other.abi_version++; return &other;",
        )
    };
    rejected(make, Code::PluginWrongVersion, "supports version 1").await;
}

#[tokio::test]
async fn a_library_with_another_hash_is_rejected() {
    let directory = directory("");
    let zeros = "0".repeat(64);
    write(directory.path(), &format!("- {{name: a, uses: bad.so, sha256: '{zeros}'}}\n"));
    let path = valid_library(directory.path());
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginWrongHash], "{text}");
    assert!(text.contains(&zeros) && text.contains("flow.yml:4:"), "{text}");
    assert!(!directory.path().join("ran").exists());
    // With its own hash it is loaded; with one more byte it has another hash.
    let inspection = flowrun_plugin::inspect(&std::fs::read(&path).unwrap());
    write(directory.path(), &format!("- {{name: a, uses: bad.so, sha256: {}}}\n", inspection.sha256));
    change(&path, |bytes| bytes.push(0));
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::PluginWrongHash]);
    assert!(!directory.path().join("ran").exists());
    change(&path, |bytes| bytes.truncate(bytes.len() - 1));
    start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{report}"));
    assert!(directory.path().join("ran").exists());
}

#[tokio::test]
async fn a_library_outside_the_directories_is_rejected() {
    let outside = tempfile::tempdir().unwrap();
    let path = valid_library(outside.path());
    let directory = directory(&format!("- {{name: a, uses: {}}}\n", path.display()));
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginOutside], "{text}");
    assert!(text.contains("FLOWRUN_PLUGINS") && !outside.path().join("ran").exists(), "{text}");
}

#[tokio::test]
async fn a_link_to_a_library_outside_the_directories_is_rejected() {
    let outside = tempfile::tempdir().unwrap();
    let path = valid_library(outside.path());
    let make = |directory: &Path| {
        symlink(&path, directory.join("bad.so")).unwrap();
        path.clone()
    };
    rejected_unexecuted(make, Code::PluginLinkOutside, "is a symbolic link to").await;
    assert!(!outside.path().join("ran").exists());
}

#[tokio::test]
async fn a_world_writable_library_is_rejected() {
    let make = |directory: &Path| {
        let path = valid_library(directory);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o757)).unwrap();
        path
    };
    rejected_unexecuted(make, Code::PluginWorldWritable, "every user may write to the file").await;
    let make = |directory: &Path| {
        let path = valid_library(directory);
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        path
    };
    rejected_unexecuted(make, Code::PluginWorldWritable, "every user may write to the directory").await;
}

#[tokio::test]
async fn a_library_whose_entry_point_returns_null_is_rejected() {
    assert!(
        rejected(|directory| library(directory, NOTE, "return NULL;"), Code::PluginNull, "returned null")
            .await
    );
    let reason = "host->unusable(FLOWRUN_RESOURCE, flowrun_text(\"no licence\")); return NULL;";
    let make = |directory: &Path| library(directory, NOTE, reason);
    rejected(make, Code::PluginNull, "cannot be used: no licence").await;
}

#[tokio::test]
async fn a_library_whose_table_lacks_a_function_is_rejected() {
    for function in ["describe", "create", "execute", "destroy"] {
        let make = |directory: &Path| {
            let statement = format!(
                "static flowrun_plugin_table lacks; lacks = table; lacks.{function} = NULL; return &lacks;"
            );
            library(directory, NOTE, &statement)
        };
        rejected(make, Code::PluginNull, &format!("has no function `{function}`")).await;
    }
}

#[tokio::test]
async fn a_library_whose_entry_point_panics_is_rejected() {
    let make = |directory: &Path| {
        let path = directory.join("bad.so");
        std::fs::copy(plugin::panicking_plugin(), &path).unwrap();
        path
    };
    rejected(make, Code::PluginPanicked, "no licence was found").await;
}

#[tokio::test]
async fn a_library_whose_entry_point_hangs_is_rejected() {
    // `pause` returns after signals, so it is called in a loop.
    let note = format!("int pause(void);\n{NOTE}");
    let hangs = |directory: &Path| library(directory, &note, "for (;;) pause();");
    rejected(hangs, Code::PluginHung, "did not return").await;
}

#[test]
fn an_isolated_library_whose_initializer_hangs_times_out() {
    // In the process of the test it would keep the lock of the dynamic loader.
    let directory = directory("- {name: a, uses: bad.so, isolate: process, timeout_ready: 2000}\n");
    let note = format!(
        "int pause(void);\n__attribute__((constructor)) static void hang(void) {{ for (;;) pause(); }}\n{NOTE}"
    );
    library(directory.path(), &note, "return &table;");
    let started = Instant::now();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "flow.yml"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("flow.yml:4:") && stderr.contains("takes longer to start"), "{stderr}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_library_without_a_valid_note_is_rejected() {
    let none = "static flowrun_bytes flowrun_describe(void) { return flowrun_text(\"{}\"); }";
    rejected_unexecuted(
        |directory| library(directory, none, "return &table;"),
        Code::PluginWithoutNote,
        "no plugin of flowrun",
    )
    .await;
    let broken = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\"\");";
    rejected_unexecuted(
        |directory| library(directory, broken, "return &table;"),
        Code::PluginWithoutNote,
        "cannot be read",
    )
    .await;
    let empty = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": []}\");";
    rejected_unexecuted(
        |directory| library(directory, empty, "return &table;"),
        Code::PluginWithoutNote,
        "0 executors",
    )
    .await;
    let make = |directory: &Path| {
        let path = valid_library(directory);
        let note = b"flowrun\0";
        change(&path, |bytes| {
            let position = bytes.windows(note.len()).position(|window| window == note).unwrap();
            bytes[position] = b'F';
        });
        path
    };
    rejected_unexecuted(make, Code::PluginWithoutNote, "not laid out").await;
}

#[tokio::test]
async fn a_library_with_duplicate_names_is_rejected() {
    let twice = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": [{\\\"name\\\": \\\"Bad\\\"}, {\\\"name\\\": \\\"Bad\\\"}]}\");";
    rejected_unexecuted(
        |directory| library(directory, twice, "return &table;"),
        Code::PluginDuplicateName,
        "`Bad`",
    )
    .await;
}

#[tokio::test]
async fn a_library_that_cannot_be_loaded_or_contradicts_its_note_is_rejected() {
    let note = format!("int nowhere(void);\n{NOTE}");
    let make = |directory: &Path| library(directory, &note, "return nowhere() ? &table : NULL;");
    rejected(make, Code::PluginNotLoaded, "nowhere").await;
    let other = "static flowrun_bytes other(void) { return flowrun_text(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": []}\"); }";
    let note = format!("{NOTE}\n{other}");
    let make = |directory: &Path| {
        let statement =
            "static flowrun_plugin_table lies; lies = table; lies.describe = other; return &lies;";
        library(directory, &note, statement)
    };
    rejected(make, Code::PluginNotLoaded, "not what its note says").await;
}
