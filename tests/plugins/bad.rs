//! Libraries that will not do: each is refused with a code of its own within five seconds, the process stays alive, and
//! nothing of a library is executed whose note or hash is wrong.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowrun::diagnostic::Code;

use super::{directory, start, write};
use crate::support::program::{flowrun, text};
use crate::support::{self, plugin};

/// A library that leaves a file behind when it is loaded.
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

/// A library that is good but for what `note` and `statement` say.
fn library(directory: &Path, note: &str, statement: &str) -> PathBuf {
    let path = directory.join("bad.so");
    plugin::compile_with(&source(directory, note, &symbol(statement)), &path, &["-Wno-pedantic"]);
    path
}

fn good(directory: &Path) -> PathBuf {
    library(directory, NOTE, "return &table;")
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

/// Whether a flow with this library is refused with that code, and whether the library ran.
async fn refused(make: impl FnOnce(&Path) -> PathBuf, code: Code, said: &str) -> bool {
    let directory = directory("- {name: a, uses: bad.so}\n");
    make(directory.path());
    let started = Instant::now();
    let (codes, text) =
        start(directory.path()).await.err().unwrap_or_else(|| panic!("{code:?}: it was taken"));
    assert!(started.elapsed() < Duration::from_secs(5), "{code:?} took {:?}", started.elapsed());
    assert_eq!(codes, [code], "{text}");
    assert!(text.contains(said) && text.contains("flow.yml:4:19"), "{text}");
    alive().await;
    directory.path().join("ran").exists()
}

/// The process does what it is there for.
async fn alive() {
    let flow = support::flow("- {name: a, uses: Pass}\n").await;
    support::reply(support::send(&flow, "/index", &["a"]).await);
}

async fn refused_unseen(make: impl FnOnce(&Path) -> PathBuf, code: Code, said: &str) {
    assert!(!refused(make, code, said).await, "{code:?}: the library ran");
}

#[tokio::test]
async fn what_is_not_elf() {
    let make = |directory: &Path| {
        std::fs::write(directory.join("bad.so"), "#!/bin/sh\n").unwrap();
        directory.to_owned()
    };
    refused_unseen(make, Code::PluginNotALibrary, "not ELF").await;
}

#[tokio::test]
async fn a_program_instead_of_a_library() {
    let make = |directory: &Path| {
        let path = good(directory);
        // The type of the file stands in bytes 16 and 17: 1 is an object file.
        change(&path, |bytes| bytes[16] = 1);
        path
    };
    refused_unseen(make, Code::PluginNotALibrary, "a part of one").await;
}

#[tokio::test]
async fn what_is_truncated() {
    for left in [5, 40, 300, 5000, usize::MAX] {
        let make = |directory: &Path| {
            let path = good(directory);
            change(&path, |bytes| bytes.truncate(left.min(bytes.len() - 1)));
            path
        };
        refused_unseen(make, Code::PluginTruncated, "damaged or cut off").await;
    }
}

#[tokio::test]
async fn what_is_for_another_processor() {
    let other = if cfg!(target_arch = "x86_64") { (183, "aarch64") } else { (62, "x86-64") };
    let make = |directory: &Path| {
        let path = good(directory);
        change(&path, |bytes| bytes[18] = other.0);
        path
    };
    refused_unseen(make, Code::PluginWrongMachine, other.1).await;
}

#[tokio::test]
async fn what_does_not_export_the_symbol() {
    let make = |directory: &Path| {
        let path = directory.join("bad.so");
        let body = format!("{TABLE}const flowrun_plugin_table *other(void) {{ return &table; }}");
        plugin::compile_with(&source(directory, NOTE, &body), &path, &["-Wno-pedantic"]);
        path
    };
    refused_unseen(make, Code::PluginWithoutSymbol, "flowrun_plugin").await;
}

#[tokio::test]
async fn what_speaks_another_version() {
    for (version, said) in
        [("(FLOWRUN_ABI_VERSION + 1)", "version 2"), ("(FLOWRUN_ABI_VERSION - 1)", "version 0")]
    {
        let note = format!(
            "static const unsigned known = FLOWRUN_ABI_VERSION;\nenum {{ other = {version} }};\n\
                            #undef FLOWRUN_ABI_VERSION\n#define FLOWRUN_ABI_VERSION other\n{NOTE}"
        );
        let make = |directory: &Path| library(directory, &note, "return known ? &table : NULL;");
        refused_unseen(make, Code::PluginWrongVersion, said).await;
    }
}

#[tokio::test]
async fn what_says_another_version_when_it_is_loaded() {
    let make = |directory: &Path| {
        library(
            directory,
            NOTE,
            "static flowrun_plugin_table other; other = table; other.abi_version++; return &other;",
        )
    };
    refused(make, Code::PluginWrongVersion, "which speaks version 1").await;
}

#[tokio::test]
async fn what_has_another_hash() {
    let directory = directory("");
    let zeros = "0".repeat(64);
    write(directory.path(), &format!("- {{name: a, uses: bad.so, sha256: '{zeros}'}}\n"));
    let path = good(directory.path());
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginWrongHash], "{text}");
    assert!(text.contains(&zeros) && text.contains("flow.yml:4:"), "{text}");
    assert!(!directory.path().join("ran").exists());
    // With the hash that it has it is loaded; one byte more is another hash.
    let inspection = flowrun_plugin::inspect(&std::fs::read(&path).unwrap());
    write(directory.path(), &format!("- {{name: a, uses: bad.so, sha256: {}}}\n", inspection.sha256));
    change(&path, |bytes| bytes.push(0));
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::PluginWrongHash]);
    assert!(!directory.path().join("ran").exists());
    change(&path, |bytes| bytes.truncate(bytes.len() - 1));
    start(directory.path()).await.unwrap_or_else(|(_, said)| panic!("{said}"));
    assert!(directory.path().join("ran").exists());
}

#[tokio::test]
async fn what_is_outside_the_directories_for_plugins() {
    let outside = tempfile::tempdir().unwrap();
    let path = good(outside.path());
    let directory = directory(&format!("- {{name: a, uses: {}}}\n", path.display()));
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginOutside], "{text}");
    assert!(text.contains("FLOWRUN_PLUGINS") && !outside.path().join("ran").exists(), "{text}");
}

#[tokio::test]
async fn a_link_that_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    let path = good(outside.path());
    let make = |directory: &Path| {
        symlink(&path, directory.join("bad.so")).unwrap();
        path.clone()
    };
    refused_unseen(make, Code::PluginLinkOutside, "is a link that leads to").await;
    assert!(!outside.path().join("ran").exists());
}

#[tokio::test]
async fn what_everybody_may_write_to() {
    let make = |directory: &Path| {
        let path = good(directory);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o757)).unwrap();
        path
    };
    refused_unseen(make, Code::PluginWorldWritable, "everybody may write to the file").await;
    let make = |directory: &Path| {
        let path = good(directory);
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        path
    };
    refused_unseen(make, Code::PluginWorldWritable, "everybody may write to the directory").await;
}

#[tokio::test]
async fn whose_first_function_returns_null() {
    assert!(
        refused(|directory| library(directory, NOTE, "return NULL;"), Code::PluginNull, "returned null")
            .await
    );
    let reason = "host->unusable(FLOWRUN_RESOURCE, flowrun_text(\"no licence\")); return NULL;";
    let make = |directory: &Path| library(directory, NOTE, reason);
    refused(make, Code::PluginNull, "cannot be used: no licence").await;
}

#[tokio::test]
async fn whose_first_function_panics() {
    let make = |directory: &Path| {
        let path = directory.join("bad.so");
        std::fs::copy(plugin::init_panics(), &path).unwrap();
        path
    };
    refused(make, Code::PluginPanicked, "no licence was found").await;
}

#[tokio::test]
async fn whose_first_function_hangs() {
    // It waits for signals, of which none ends it.
    let note = format!("int pause(void);\n{NOTE}");
    let hangs = |directory: &Path| library(directory, &note, "for (;;) pause();");
    refused(hangs, Code::PluginHung, "did not return").await;
}

#[test]
fn whose_constructor_hangs_in_a_process_of_its_own() {
    // In ours it would keep the loader's lock for good.
    let directory = directory("- {name: a, uses: bad.so, isolate: process, timeout_ready: 500}\n");
    let note = format!(
        "int pause(void);\n__attribute__((constructor)) static void hang(void) {{ for (;;) pause(); }}\n{NOTE}"
    );
    library(directory.path(), &note, "return &table;");
    let started = Instant::now();
    let output = flowrun(directory.path(), &["flow.yml", "-i", "flow.yml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("flow.yml:4:") && said.contains("takes longer to start"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_runs_on_its_own_and_carries_no_note() {
    let none = "static flowrun_bytes flowrun_describe(void) { return flowrun_text(\"{}\"); }";
    refused_unseen(
        |directory| library(directory, none, "return &table;"),
        Code::PluginWithoutNote,
        "no plugin of flowrun",
    )
    .await;
    let broken = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\"\");";
    refused_unseen(
        |directory| library(directory, broken, "return &table;"),
        Code::PluginWithoutNote,
        "cannot be read",
    )
    .await;
    let empty = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": []}\");";
    refused_unseen(
        |directory| library(directory, empty, "return &table;"),
        Code::PluginWithoutNote,
        "0 executors",
    )
    .await;
    let make = |directory: &Path| {
        let path = good(directory);
        let note = b"flowrun\0";
        change(&path, |bytes| {
            let at = bytes.windows(note.len()).position(|window| window == note).unwrap();
            bytes[at] = b'F';
        });
        path
    };
    refused_unseen(make, Code::PluginWithoutNote, "not laid out").await;
}

#[tokio::test]
async fn whose_executors_have_one_name() {
    let twice = "FLOWRUN_NOTE(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": [{\\\"name\\\": \\\"Bad\\\"}, {\\\"name\\\": \\\"Bad\\\"}]}\");";
    refused_unseen(
        |directory| library(directory, twice, "return &table;"),
        Code::PluginDuplicateName,
        "`Bad`",
    )
    .await;
}

#[tokio::test]
async fn what_lacks_something_or_says_something_else_than_its_note() {
    let note = format!("int nowhere(void);\n{NOTE}");
    let make = |directory: &Path| library(directory, &note, "return nowhere() ? &table : NULL;");
    refused(make, Code::PluginNotLoaded, "nowhere").await;
    let other = "static flowrun_bytes other(void) { return flowrun_text(\"{\\\"sdk\\\": \\\"c\\\", \\\"executors\\\": []}\"); }";
    let note = format!("{NOTE}\n{other}");
    let make = |directory: &Path| {
        let statement =
            "static flowrun_plugin_table lies; lies = table; lies.describe = other; return &lies;";
        library(directory, &note, statement)
    };
    refused(make, Code::PluginNotLoaded, "not what its note says").await;
}
