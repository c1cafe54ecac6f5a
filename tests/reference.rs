//! The reference in `docs/` is what the tables say: keys of flow files, diagnostics, executors, metrics.
//!
//! `make docs` writes these files anew.

use std::fmt::Write as _;

use flowrun::diagnostic::Code;
use flowrun::spec::keys::{SECTIONS, Section};
use flowrun::spec::{KeyRow, Support};
use flowrun_sdk::ExecutorType;

fn keep(path: &str, text: &str) {
    if std::env::var_os("FLOWRUN_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "{path} is not what the tables say; `make docs` writes it anew");
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn row(key: &KeyRow) -> String {
    let aliases: Vec<String> = key.aliases.iter().map(|name| format!("`{name}`")).collect();
    let aliases = if aliases.is_empty() { String::new() } else { format!(" ({})", aliases.join(", ")) };
    let (value, effect) = match key.support {
        Support::Supported => (key.value.describe(), key.documentation.to_owned()),
        Support::Ignored(reason) | Support::ChangesResults(reason) => {
            (String::new(), format!("*no effect:* {reason}"))
        }
        Support::Rejected(instead) => (String::new(), format!("*rejected:* {instead}")),
    };
    format!("| `{}`{aliases} | {} | {} |\n", key.name, cell(&value), cell(&effect))
}

/// The table of a section: supported keys first.
fn table(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n| key | value | meaning |\n|---|---|---|\n", section.title);
    let supported = |key: &&KeyRow| key.support == Support::Supported;
    section.rows().filter(supported).for_each(|key| text.push_str(&row(key)));
    section.rows().filter(|key| !supported(key)).for_each(|key| text.push_str(&row(key)));
    text
}

#[test]
fn the_reference_of_keys_is_what_the_parser_reads_by() {
    let mut text =
        "# Keys of flow files\n\nGenerated from the parser's key tables. Names in parentheses are other spellings of the \
         key, from other versions of Jina.\n"
            .to_owned();
    SECTIONS.iter().for_each(|section| text.push_str(&table(section)));
    keep("docs/yaml.md", &text);
}

#[test]
fn the_reference_of_diagnostics_is_what_is_reported() {
    let mut text = "# Diagnostics\n\nCodes are stable. *Lenient* marks errors that Jina accepts silently: `--lenient` turns \
                    them into warnings. *Drawable* marks errors that `flowrun check` and `flowrun graph` report as \
                    warnings, because such a flow can be drawn but not run. `tests/golden` has an example of each, with \
                    flowrun's output.\n\n| code | name | severity | | meaning |\n|---|---|---|---|---|\n"
        .to_owned();
    for code in Code::ALL {
        let marks = match (code.accepted_by_jina(), code.blocks_run_only()) {
            (true, _) => "lenient",
            (_, true) => "drawable",
            _ => "",
        };
        let documentation = cell(code.documentation());
        let (slug, severity) = (code.slug(), code.severity().name());
        writeln!(text, "| {code} | `{slug}` | {severity} | {marks} | {documentation} |").unwrap();
    }
    keep("docs/diagnostics.md", &text);
}

fn executor(kind: &ExecutorType) -> String {
    let mut text = format!("\n## {}\n\n{}\n", kind.name, kind.summary);
    if !kind.aliases.is_empty() {
        let aliases: Vec<String> = kind.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        writeln!(text, "\nAlso called {}.", aliases.join(", ")).unwrap();
    }
    if !kind.fields.is_empty() {
        text.push_str("\n| parameter | value | default | meaning |\n|---|---|---|---|\n");
    }
    for field in kind.fields {
        let (value, default) = (cell(&field.kind.to_string()), cell(&field.default.to_string()));
        writeln!(text, "| `{}` | {value} | {default} | {} |", field.name, cell(field.documentation)).unwrap();
    }
    text
}

#[test]
fn the_reference_of_executors_is_what_they_can_be_told() {
    let mut text =
        "# Built-in executors\n\nWritten from the tables that their parameters are read by; `flowrun \
                    executors NAME` prints the same.\n"
            .to_owned();
    flowrun::catalog::built_in().types().for_each(|kind| text.push_str(&executor(kind)));
    keep("docs/built-in.md", &text);
}

#[test]
fn the_reference_of_metrics_is_what_is_counted() {
    let mut text = "# Metrics\n\nWhat `/metrics` of a served flow says, in the text format of Prometheus. Written from the table \
                    that it is rendered from.\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n"
        .to_owned();
    for metric in flowrun::gateway::METRICS {
        let labels = metric.labels;
        writeln!(text, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, cell(metric.help)).unwrap();
    }
    text.push_str(
        "\n## What executors tell\n\nExecutors may tell numbers of their own, through `metrics` in the context that they are \
         made with. Their names have `flowrun_executor_` before them, and they are told apart by `pod` and `shard`. Those of \
         the built-in indexers and stores:\n\n| name | kind | meaning |\n|---|---|---|\n",
    );
    for reading in readings_of_an_index() {
        let name = reading.name;
        writeln!(text, "| `flowrun_executor_{name}` | gauge | {} |", cell(&reading.help)).unwrap();
    }
    keep("docs/metrics.md", &text);
}

/// What an indexer tells.
fn readings_of_an_index() -> Vec<flowrun_sdk::MetricSample> {
    let directory = tempfile::tempdir().unwrap();
    let context = flowrun_sdk::Context::standalone(directory.path());
    let metrics = context.metrics.clone();
    let catalog = flowrun::catalog::built_in();
    let kind = catalog.get("VectorIndexer").unwrap();
    let _bench =
        flowrun_sdk::testing::ExecutorHarness::new(kind, &flowrun_sdk::Value::Null, context).unwrap();
    metrics.samples()
}
