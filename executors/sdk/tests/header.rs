//! `include/flowrun.h` is generated from the interface. `FLOWRUN_BLESS=1` updates it.

#![expect(
    clippy::disallowed_methods,
    reason = "a failed precondition fails the test; it reads its own files"
)]

use cbindgen::{Builder, Config, DocumentationLength, DocumentationStyle, Language, Style};

const HEADER: &str = "include/flowrun.h";

/// Structures, whose C names are in lower case.
const NAMES: [&str; 6] = ["Bytes", "Host", "Build", "Made", "Call", "Plugin"];

const INTRODUCTION: &str = "\
/*
 * Interface of flowrun's plugins, for C and every language that can be called from C.
 *
 * A library exports one function, `flowrun_plugin`, and contains a note that describes its executors (FLOWRUN_NOTE).
 * The function receives the host's table of functions and returns the plugin's, or null.
 *
 * Ownership never crosses the interface: arguments are valid until the function returns, unless its description states
 * otherwise, and memory is freed by the side that allocated it.
 *
 * Functions that can fail return FLOWRUN_OK or the kind of error, after the cause was reported by a function of the
 * host. A C++ exception must not leave a function of the plugin.
 *
 *     cc -shared -fPIC -I DIRECTORY-OF-THIS-FILE -o libmine.so mine.c
 *     flowrun plugin check libmine.so
 *
 * Generated from executors/sdk/src/abi/table.rs; do not edit.
 */";

const SYMBOL: &str = "\
/* The function that a library exports. It receives the host's table and returns its own, which stays valid until the
 * process ends; or null, after the cause was reported by `unusable`. */
#if defined(_WIN32)
__declspec(dllexport)
#else
__attribute__((visibility(\"default\")))
#endif
const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host);
";

#[test]
fn the_header_is_generated_from_the_interface() {
    let mut config = Config {
        language: Language::C,
        style: Style::Both,
        header: Some(INTRODUCTION.to_owned()),
        include_guard: Some("FLOWRUN_H".to_owned()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h"]
            .map(str::to_owned)
            .to_vec(),
        cpp_compat: true,
        usize_is_size_t: true,
        documentation: true,
        documentation_style: DocumentationStyle::C,
        documentation_length: DocumentationLength::Full,
        line_length: 110,
        tab_width: 4,
        ..Config::default()
    };
    for name in NAMES {
        let c_name = match name {
            // `flowrun_plugin` is the entry point.
            "Plugin" => "flowrun_plugin_table".to_owned(),
            _ => format!("flowrun_{}", name.to_lowercase()),
        };
        config.export.rename.insert(format!("Flowrun{name}"), c_name);
    }
    // The table of the plugin refers to all other structures.
    config.export.include = vec!["FlowrunPlugin".to_owned()];
    let helpers = std::fs::read_to_string("include/helpers.h").unwrap();
    config.trailer = Some(format!(
        "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{SYMBOL}\n#ifdef __cplusplus\n}}\n#endif\n\n{helpers}"
    ));
    let mut generated = Vec::new();
    Builder::new().with_src("src/abi/table.rs").with_config(config).generate().unwrap().write(&mut generated);
    let generated = String::from_utf8(generated).unwrap();
    if std::env::var_os("FLOWRUN_BLESS").is_some() {
        std::fs::write(HEADER, &generated).unwrap();
    }
    let current = std::fs::read_to_string(HEADER).unwrap_or_default();
    assert!(current == generated, "{HEADER} is outdated; FLOWRUN_BLESS=1 updates it");
}

#[test]
fn the_header_compiles_as_c99_and_cpp11() {
    for (compiler, language, standard) in [("cc", "c", "-std=c99"), ("c++", "c++", "-std=c++11")] {
        let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", language, standard];
        let output = std::process::Command::new(compiler)
            .args(flags)
            .arg("-include")
            .arg(HEADER)
            .arg("/dev/null")
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Searches each prefix of a JSON object, in memory of its own, for each of its keys: a value is within the prefix.
const MEMBER_PROGRAM: &str = r#"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "flowrun.h"

int main(void) {
    const char *json = "{\"a\": \"x\\\\\", \"b\\\"\": {\"c\": [1, \"}\"]}, \"c\": 2}";
    const char *keys[] = {"a", "b\\\"", "c", "d"};
    const char *values[] = {"\"x\\\\\"", "{\"c\": [1, \"}\"]}", "2"};
    for (size_t length = 0; length <= strlen(json); length++) {
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, json, length);
        flowrun_bytes object = {copy, length}, value;
        for (size_t key = 0; key < 4; key++) {
            bool found = flowrun_member(object, keys[key], &value);
            assert(key < 3 ? found || length < strlen(json) : !found);
            assert(!found || (value.length == strlen(values[key]) && memcmp(value.data, values[key], value.length) == 0));
            assert(!found || (value.data >= copy && value.data + value.length <= copy + length));
        }
        free(copy);
    }
    return 0;
}
"#;

#[test]
fn members_of_complete_and_truncated_objects_are_found_within_them() {
    let directory = tempfile::tempdir().unwrap();
    let (source, program) = (directory.path().join("member.c"), directory.path().join("member"));
    std::fs::write(&source, MEMBER_PROGRAM).unwrap();
    let compiled = std::process::Command::new("cc")
        .args(["-std=c99", "-Wall", "-Werror", "-Iinclude", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let ended = std::process::Command::new(&program).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
