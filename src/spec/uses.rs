//! What stands behind `uses:`: a class, a library, a YAML file, an inline mapping, an image, something from elsewhere.

use super::batching::BatchingTable;
use super::executor::{ExecutorSpec, Parameters, PythonModule, Requests, Uses, dotted};
use super::executor_yaml;
use super::library;
use super::path;
use super::reader::Reader;
use super::remote;
use crate::diagnostic::{Span, Spanned};
use crate::yaml::{self, Node, Scalar};

/// The executor that passes documents on as they are.
pub(super) const PASS: &str = "Pass";

/// The executor behind a `uses` key; `Pass` when the key is absent.
pub(super) fn read(node: Option<&Node>, span: Span, reader: &mut Reader<'_>) -> Spanned<Uses> {
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Spanned::new(class(PASS, span, reader), span);
    };
    let executor = match node.scalar() {
        Some(scalar) if node.tag.is_none() => named(scalar, node.span, reader),
        _ => {
            let spec = executor_yaml::read(node, reader);
            spec.map_or_else(|| broken(reader.sources.slice(node.span)), boxed)
        }
    };
    Spanned::new(executor, node.span)
}

/// The executor behind an `image` key of Jina 0.3 and before.
pub(super) fn image(image: Spanned<&str>, reader: &Reader<'_>) -> Spanned<Uses> {
    Spanned::new(container(image.value, image.span, reader), image.span)
}

fn boxed(spec: ExecutorSpec) -> Uses {
    Uses::Class(Box::new(spec))
}

/// An executor named by its class alone.
pub(super) fn class(name: &str, span: Span, reader: &Reader<'_>) -> Uses {
    boxed(ExecutorSpec {
        class: Spanned::new(name.to_owned(), span),
        with: Parameters::empty(span),
        name: name.to_owned(),
        workspace: None,
        directory: reader.directory(span),
        read_only: false,
        py_modules: Vec::new(),
        libraries: Vec::new(),
        components: Vec::new(),
        requests: Requests::default(),
        batching: BatchingTable::default(),
    })
}

fn unresolved(written: &str, reason: &str, help: &str) -> Uses {
    let help = (!help.is_empty()).then(|| help.to_owned());
    Uses::Unresolved { written: written.to_owned(), reason: reason.to_owned(), help }
}

fn broken(written: &str) -> Uses {
    Uses::Broken { written: written.to_owned() }
}

/// The executor that a text names. The order is Jina's: a file, then a class, then an image.
fn named(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> Uses {
    let text = scalar.text.trim();
    if text.starts_with('!') {
        return inline(text, span, reader);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return from_scheme(scheme, rest, span, reader);
    }
    if library::is_library(text) {
        return library::whole(scalar, span, reader);
    }
    if let Some(found) = path::find(scalar, span, reader.sources, reader.report) {
        let node = yaml::load(&found, reader.environment, reader.sources, reader.report);
        let spec = node.as_ref().and_then(|node| executor_yaml::read(node, reader));
        return spec.map_or_else(|| broken(&scalar.written), boxed);
    }
    if text.ends_with(".yml") || text.ends_with(".yaml") {
        let beside = reader.directory(span);
        let reason = format!("there is no such file in `{}`, nor in the working directory", beside.display());
        return unresolved(&scalar.written, &reason, "");
    }
    if let Some((module, name)) = dotted(text) {
        let mut executor = class(name, span, reader);
        if let Uses::Class(spec) = &mut executor {
            let written = Spanned::new(module.to_owned(), span);
            spec.py_modules.push(PythonModule { written, file: None });
        }
        return executor;
    }
    let identifier = text.chars().all(|character| character.is_alphanumeric() || character == '_');
    if identifier { class(text, span, reader) } else { container(text, span, reader) }
}

/// An executor's YAML in a text: `!Class {with: {…}}`.
fn inline(text: &str, span: Span, reader: &mut Reader<'_>) -> Uses {
    let name = reader.sources.path(span.file).to_owned();
    let node = yaml::load_text(&name, text, reader.environment, reader.sources, reader.report);
    let spec = node.as_ref().and_then(|node| executor_yaml::read(node, reader));
    spec.map_or_else(|| broken(text), boxed)
}

/// `docker://image`, `jinahub://Name/tag`, `jinaai://user/Name`, `grpc://host:port`, …
fn from_scheme(scheme: &str, rest: &str, span: Span, reader: &Reader<'_>) -> Uses {
    match scheme.split('+').next() {
        Some("docker") => container(rest, span, reader),
        // The hub's executors of the same name as ours are the ones that ours stand for.
        Some("jinahub") => class(rest.split(['/', ':']).next().unwrap_or(rest), span, reader),
        Some("jinaai") => {
            let name = rest.split('/').nth(1).unwrap_or(rest);
            class(name.split(':').next().unwrap_or(name), span, reader)
        }
        Some("grpc" | "grpcs") => {
            let address = vec![format!("{scheme}://{rest}")];
            remote::at(address, vec![reader.sources.slice(span).to_owned()], span, span, reader)
        }
        Some("http" | "https" | "ws" | "wss") => unresolved(
            &format!("{scheme}://{rest}"),
            "executors that run elsewhere are called over gRPC alone",
            "write `grpc://HOST:PORT`, or `grpcs://HOST:PORT` beneath TLS",
        ),
        _ => unresolved(&format!("{scheme}://{rest}"), "nothing is known of this scheme", ""),
    }
}

/// The executor that a container image stands for.
fn container(image: &str, span: Span, reader: &Reader<'_>) -> Uses {
    let known = IMAGES.iter().find(|(prefix, _)| image.starts_with(prefix));
    match known {
        Some((_, name)) => class(name, span, reader),
        None => {
            let help = "write the class that the image runs: `uses: SomeEncoder`";
            unresolved(
                image,
                "containers are not run, and the image is not one that an executor of ours stands for",
                help,
            )
        }
    }
}

/// Images of Jina's hub, by the beginning of their names, and the executors that stand for them: those that their
/// entry points run.
const IMAGES: &[(&str, &str)] = &[
    ("jinaai/hub.executors.encoders.image.torchvision-", "ImageTorchEncoder"),
    ("jinaai/hub.executors.encoders.image.imagekeras", "KerasImageEncoder"),
    ("jinaai/hub.executors.rankers.bi_match", "BiMatchRanker"),
    ("jinaai/hub.executors.indexers.vector.annoy", "AnnoyIndexer"),
    ("jinaai/hub.executors.indexers.vector.nmslib", "NmslibIndexer"),
    ("jinaai/hub.executors.indexers.vector.faiss", "FaissIndexer"),
];
