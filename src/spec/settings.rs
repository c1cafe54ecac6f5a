//! Reads the settings of a flow that every dialect shares.

use super::endpoint::with_slash;
use super::fields::Fields;
use super::flow::{FlowSpec, JobSpec};
use super::gateway::gateway;
use super::keys::{
    ENDPOINT, EXIT_ON_HANG, INCLUDE, INPUT, NAME, OUTPUT, PLUGINS, PREFETCH, REQUEST_SIZE, TIMEOUT, TOP_K,
    VERSION, WHEN_FULL,
};
use super::library;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned};
use crate::limits::{PREFETCH_DEFAULT, PREFETCH_UNLIMITED};

/// A flow with the settings in `with` and no pods yet.
pub(super) fn flow(with: &Fields<'_>, span: Span, reader: &mut Reader<'_>) -> FlowSpec {
    FlowSpec {
        dialect: reader.dialect,
        name: with.get(&NAME).map_or_else(String::new, |name| name.value.to_owned()),
        span,
        prefetch: match with.get(&PREFETCH).map(|count| count.value) {
            None => PREFETCH_DEFAULT,
            Some(0) => PREFETCH_UNLIMITED,
            Some(prefetch) => prefetch,
        },
        when_full: with.get(&WHEN_FULL).unwrap_or_default(),
        timeout: with.get(&TIMEOUT).flatten(),
        exit_on_hang: with.get(&EXIT_ON_HANG).unwrap_or(false),
        job: job(with, reader),
        gateway: gateway(with, reader),
        plugins: library::directories(with.node(&PLUGINS), reader),
        pods: Vec::new(),
    }
}

fn job(with: &Fields<'_>, reader: &Reader<'_>) -> JobSpec {
    JobSpec {
        input: reader.paths(with.get(&INPUT)),
        include: texts(with.get(&INCLUDE)),
        endpoint: with.get(&ENDPOINT).map(|endpoint| with_slash(endpoint.value)),
        output: reader.path(with.get(&OUTPUT)),
        top_k: with.get(&TOP_K).map(|count| count.value),
        request_size: with.get(&REQUEST_SIZE).map(|count| count.value),
    }
}

fn texts(texts: Option<Vec<Spanned<&str>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.value.to_owned()).collect()
}

/// Checks the `version` of the file format.
pub(super) fn check_version(top: &Fields<'_>, reader: &mut Reader<'_>) {
    let Some(version) = top.get(&VERSION) else { return };
    let text = version.value.trim();
    let known = text.is_empty()
        || text == "legacy"
        || text == "1"
        || text.starts_with("1.")
        || text.starts_with("0.");
    if !known {
        let message = format!("`{text}` is not a version of the file format");
        let diagnostic = Diagnostic::at(Code::UnknownVersion, version.span, message);
        reader.report.push(diagnostic.help("write `version: '1'`"));
    }
}
