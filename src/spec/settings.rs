//! The settings of a flow that every dialect shares: ours, and those of Jina's that mean the same everywhere.

use super::fields::Fields;
use super::flow::{FlowSpec, JobSpec, WhenFull};
use super::gateway::gateway;
use super::library;
use super::polling::with_slash;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::limits::{PREFETCH_DEFAULT, PREFETCH_UNLIMITED};
use crate::yaml::Node;

/// A flow with these settings and no pods yet.
pub(super) fn flow(fields: &Fields<'_>, span: Span, reader: &mut Reader<'_>) -> FlowSpec {
    let refuse = fields.text("when_full").is_some_and(|word| word.eq_ignore_ascii_case("refuse"));
    FlowSpec {
        dialect: reader.dialect,
        name: fields.text("name").map_or_else(String::new, |name| name.value.to_owned()),
        span,
        prefetch: match fields.count("prefetch").map(|count| count.value) {
            None => PREFETCH_DEFAULT,
            Some(0) => PREFETCH_UNLIMITED,
            Some(prefetch) => prefetch,
        },
        when_full: if refuse { WhenFull::Refuse } else { WhenFull::Wait },
        timeout: fields.milliseconds("timeout").flatten(),
        job: job(fields, reader),
        gateway: gateway(fields, reader),
        plugins: library::directories(fields.node("plugins"), reader),
        pods: Vec::new(),
    }
}

fn job(fields: &Fields<'_>, reader: &Reader<'_>) -> JobSpec {
    JobSpec {
        input: reader.paths(fields.node("input")),
        endpoint: fields.text("endpoint").map(|endpoint| with_slash(endpoint.value)),
        output: reader.path(fields.node("output")),
        top_k: fields.count("top_k").map(|count| count.value),
        request_size: fields.count("request_size").map(|count| count.value),
    }
}

/// Checks the `version` of the file's form.
pub(super) fn version(version: Option<&Node>, reader: &mut Reader<'_>) {
    let Some(node) = version else { return };
    let text = node.text().unwrap_or_default().trim();
    let known = text.is_empty()
        || text == "legacy"
        || text == "1"
        || text.starts_with("1.")
        || text.starts_with("0.");
    if !known {
        let message = format!("`{text}` is not a version of the file's form");
        reader
            .report
            .push(Diagnostic::at(Code::UnknownVersion, node.span, message).help("write `version: '1'`"));
    }
}

/// A pod's name, checked: an identifier, as in Python. Elsewhere names stand in patterns and in paths.
pub(super) fn pod_name(name: Spanned<&str>, reader: &mut Reader<'_>) -> Spanned<String> {
    let starts_well = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
    if !starts_well || !name.chars().all(|character| character.is_alphanumeric() || character == '_') {
        let message = format!("`{}` is not a name for a pod", name.value);
        let help = "a name is made of letters, digits and underscores and does not begin with a digit";
        reader.report.push(Diagnostic::at(Code::BadName, name.span, message).help(help));
    }
    name.map(str::to_owned)
}
