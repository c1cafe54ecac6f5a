//! `flowrun executors`: the built-in executors and their parameters.
//!
//! The list is generated from the tables that parse `with:`, so it always agrees with the parser.

use clap::{Args, ValueEnum};
use flowrun_sdk::{Catalog, ExecutorType};
use serde_json::{Value, json};

use super::exit::{EarlyExit, Exit};
use super::tables::{PARAMETER_HEADER, print, table};
use crate::diagnostic::did_you_mean;

/// Options of `flowrun executors`.
#[derive(Debug, Args)]
pub(super) struct ExecutorsOptions {
    /// Executor whose parameters are listed.
    name: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Output format of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// Table for people.
    #[default]
    Table,
    /// JSON for programs: an array of executors with their parameters, or the object of one.
    Json,
}

/// Prints the list of executors, or the parameters of one.
pub(super) fn executors(options: &ExecutorsOptions) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let Some(name) = &options.name else {
        print(&match options.format {
            ListFormat::Table => list(&catalog),
            ListFormat::Json => format!("{:#}", catalog.types().map(as_json).collect::<Value>()),
        })?;
        return Ok(Exit::Done);
    };
    if let Some(executor) = catalog.get(name) {
        print(&match options.format {
            ListFormat::Table => describe(executor),
            ListFormat::Json => format!("{:#}", as_json(executor)),
        })?;
        return Ok(Exit::Done);
    }
    let suggestion = did_you_mean(name, catalog.names()).map_or_else(String::new, |text| format!("; {text}"));
    Err(EarlyExit::usage(format_args!("there is no executor `{name}`{suggestion}")).into())
}

fn as_json(executor: &ExecutorType) -> Value {
    let parameters = executor.fields.iter().map(|field| {
        let words: Vec<&str> = field.documentation.split_whitespace().collect();
        json!({
            "name": field.name,
            "value": field.kind.to_string(),
            "default": field.default.to_string(),
            "description": words.join(" "),
        })
    });
    json!({
        "name": executor.name,
        "description": executor.summary,
        "aliases": executor.aliases,
        "parameters": parameters.collect::<Value>(),
    })
}

fn list(catalog: &Catalog) -> String {
    let row = |executor: &ExecutorType| {
        vec![executor.name.to_owned(), executor.summary.to_owned(), executor.aliases.join(", ")]
    };
    table(&["executor", "description", "aliases"], catalog.types().map(row).collect())
}

fn describe(executor: &ExecutorType) -> String {
    let row = |field: &flowrun_sdk::ParameterField| {
        let words: Vec<&str> = field.documentation.split_whitespace().collect();
        vec![field.name.to_owned(), field.kind.to_string(), field.default.to_string(), words.join(" ")]
    };
    let rows = executor.fields.iter().map(row).collect();
    describe_executor(executor.name, executor.summary, &executor.aliases.join(", "), rows)
}

/// Description of an executor for people: a line with its summary, its aliases, and a table of its parameters with the
/// columns of [`PARAMETER_HEADER`].
pub(super) fn describe_executor(
    name: &str,
    summary: &str,
    aliases: &str,
    parameters: Vec<Vec<String>>,
) -> String {
    let aliases = if aliases.is_empty() { String::new() } else { format!("aliases: {aliases}\n") };
    let parameters = match parameters.is_empty() {
        true => "no parameters".to_owned(),
        false => table(&PARAMETER_HEADER, parameters),
    };
    format!("{name}: {summary}\n{aliases}{parameters}")
}
