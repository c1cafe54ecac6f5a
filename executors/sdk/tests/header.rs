//! `include/flowrun.h` is what the boundary is. `FLOWRUN_BLESS=1` writes it anew.

#![expect(clippy::disallowed_methods, reason = "a test that cannot go on has failed; its files are its own")]

use cbindgen::{Builder, Config, DocumentationLength, DocumentationStyle, Language, Style};

const HEADER: &str = "include/flowrun.h";

/// The names of C, which has them in small letters.
const NAMES: [&str; 6] = ["Bytes", "Host", "Build", "Made", "Call", "Plugin"];

const INTRODUCTION: &str = "\
/*
 * A plugin of flowrun in C, or in anything that can be called from C.
 *
 * A library exports one function, `flowrun_plugin`, and carries a note that says what it offers (FLOWRUN_NOTE). The
 * function is given the host's table and returns the plugin's, or null.
 *
 * Nothing changes its owner: what a function is given is valid until it returns, unless its description says
 * otherwise, and whoever made something frees it.
 *
 * Functions that can fail return FLOWRUN_OK or the kind of error; the words for it are told before, by a function of
 * the host. A C++ exception must not leave a function of the plugin.
 *
 *     cc -shared -fPIC -I DIRECTORY-OF-THIS-FILE -o libmine.so mine.c
 *     flowrun plugin check libmine.so
 *
 * Made from executors/sdk/src/abi/table.rs; do not edit.
 */";

const SYMBOL: &str = "\
/* The one function that a library exports: given the host's table it returns its own, which stays where it is until the
 * process ends; or null, with the reason by `unusable`. */
#if defined(_WIN32)
__declspec(dllexport)
#else
__attribute__((visibility(\"default\")))
#endif
const flowrun_plugin_table *flowrun_plugin(const flowrun_host *host);
";

#[test]
fn the_header_is_what_the_boundary_is() {
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
        let small = match name {
            // The function has the other name.
            "Plugin" => "flowrun_plugin_table".to_owned(),
            _ => format!("flowrun_{}", name.to_lowercase()),
        };
        config.export.rename.insert(format!("Flowrun{name}"), small);
    }
    // The last of them names the others.
    config.export.include = vec!["FlowrunPlugin".to_owned()];
    let helpers = std::fs::read_to_string("include/helpers.h").unwrap();
    config.trailer = Some(format!(
        "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{SYMBOL}\n#ifdef __cplusplus\n}}\n#endif\n\n{helpers}"
    ));
    let mut made = Vec::new();
    Builder::new().with_src("src/abi/table.rs").with_config(config).generate().unwrap().write(&mut made);
    let made = String::from_utf8(made).unwrap();
    if std::env::var_os("FLOWRUN_BLESS").is_some() {
        std::fs::write(HEADER, &made).unwrap();
    }
    let kept = std::fs::read_to_string(HEADER).unwrap_or_default();
    assert!(kept == made, "{HEADER} is stale; FLOWRUN_BLESS=1 writes it anew");
}

#[test]
fn the_header_is_plain_c_and_plain_cpp() {
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
