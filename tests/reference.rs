//! The generated references in `docs/` are up to date: keys of flow files, diagnostics, executors, metrics.
//!
//! `make docs` regenerates them.

use std::fmt::Write as _;

use flowrun::diagnostic::Code;
use flowrun::spec::keys::{SECTIONS, Section};
use flowrun::spec::{KeyRow, Support};
use flowrun_sdk::ExecutorType;

/// Asserts that a file has this text. Writes the file if `FLOWRUN_BLESS` is set.
fn assert_up_to_date(path: &str, text: &str) {
    if std::env::var_os("FLOWRUN_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let current = std::fs::read_to_string(path).unwrap_or_default();
    assert!(current == text, "{path} is out of date; run `make docs`");
}

/// Formats text for a cell of a Markdown table.
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

/// Table of the keys of a section, supported keys first.
fn table(section: &Section) -> String {
    let mut text = format!("\n## {}\n\n| key | value | meaning |\n|---|---|---|\n", section.title);
    let supported = |key: &&KeyRow| key.support == Support::Supported;
    section.rows().filter(supported).for_each(|key| text.push_str(&row(key)));
    section.rows().filter(|key| !supported(key)).for_each(|key| text.push_str(&row(key)));
    text
}

#[test]
fn the_reference_of_keys_is_up_to_date() {
    let mut text =
        "# Keys of flow files\n\nGenerated from the parser's key tables. Names in parentheses are other spellings of the \
         key, from other versions of Jina.\n"
            .to_owned();
    SECTIONS.iter().for_each(|section| text.push_str(&table(section)));
    assert_up_to_date("docs/yaml.md", &text);
}

#[test]
fn the_reference_of_diagnostics_is_up_to_date() {
    let mut text = "# Diagnostics\n\nCodes are stable. *Lenient* marks errors that Jina accepts silently: `--lenient` turns \
                    them into warnings. *Drawable* marks errors that `flowrun graph` reports as warnings, because \
                    such a flow can be drawn but not run. `tests/golden` has an example of each, with flowrun's output.\n\n| code | name | severity | | meaning |\n|---|---|---|---|---|\n"
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
    assert_up_to_date("docs/diagnostics.md", &text);
}

fn executor_section(executor_type: &ExecutorType) -> String {
    let mut text = format!("\n## {}\n\n{}\n", executor_type.name, executor_type.summary);
    if !executor_type.aliases.is_empty() {
        let aliases: Vec<String> = executor_type.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        writeln!(text, "\nAlso called {}.", aliases.join(", ")).unwrap();
    }
    if !executor_type.fields.is_empty() {
        text.push_str("\n| parameter | value | default | meaning |\n|---|---|---|---|\n");
    }
    for field in executor_type.fields {
        let (value, default) = (cell(&field.kind.to_string()), cell(&field.default.to_string()));
        writeln!(text, "| `{}` | {value} | {default} | {} |", field.name, cell(field.documentation)).unwrap();
    }
    text
}

#[test]
fn the_reference_of_executors_is_up_to_date() {
    let mut text =
        "# Built-in executors\n\nGenerated from the parameter tables of the executors. `flowrun executors NAME` \
         prints the same.\n"
            .to_owned();
    flowrun::catalog::built_in()
        .types()
        .for_each(|executor_type| text.push_str(&executor_section(executor_type)));
    assert_up_to_date("docs/built-in.md", &text);
}

#[test]
fn the_guide_to_the_index_lists_every_endpoint_with_its_parameters() {
    let guide = std::fs::read_to_string("docs/index.md").unwrap();
    let catalog = flowrun::catalog::built_in();
    let build = flowrun_sdk::Build {
        with: flowrun_sdk::RawParameters::default(),
        context: flowrun_sdk::Context::standalone("."),
    };
    for name in ["VectorIndexer", "DocumentStore"] {
        for help in catalog.get(name).unwrap().describe(&build).endpoint_help {
            let is_row =
                |line: &&str| line.starts_with("| `/") && line.contains(&format!("`{}`", help.endpoint));
            let row = guide.lines().find(is_row).unwrap_or_else(|| panic!("`{}` is missing", help.endpoint));
            for parameter in &help.parameters {
                assert!(
                    row.contains(&format!("`{}`", parameter.name)),
                    "`{}` is missing in {row}",
                    parameter.name
                );
            }
        }
    }
}

#[test]
fn the_reference_of_metrics_is_up_to_date() {
    let mut text = "# Metrics\n\nMetrics of a served flow at `/metrics`, in the text format of Prometheus. Generated from the \
                    table of metrics.\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n"
        .to_owned();
    for metric in flowrun::gateway::METRICS {
        let labels = metric.labels;
        writeln!(text, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, cell(metric.help)).unwrap();
    }
    text.push_str(
        "\n## Metrics of executors\n\nExecutors can register their own metrics through `metrics` of their context. Their names \
         get the prefix `flowrun_executor_`, and they have the labels `pod` and `shard`. The metrics of the built-in indexers \
         and stores:\n\n| name | kind | meaning |\n|---|---|---|\n",
    );
    for sample in indexer_metrics() {
        let name = sample.name;
        writeln!(text, "| `flowrun_executor_{name}` | gauge | {} |", cell(&sample.help)).unwrap();
    }
    assert_up_to_date("docs/metrics.md", &text);
}

/// Metrics of an indexer.
fn indexer_metrics() -> Vec<flowrun_sdk::MetricSample> {
    let directory = tempfile::tempdir().unwrap();
    let context = flowrun_sdk::Context::standalone(directory.path());
    let metrics = context.metrics.clone();
    let catalog = flowrun::catalog::built_in();
    let executor_type = catalog.get("VectorIndexer").unwrap();
    let _harness =
        flowrun_sdk::testing::ExecutorHarness::new(executor_type, &flowrun_sdk::Value::Null, context)
            .unwrap();
    metrics.samples()
}
