//! Reads `uses:`: a class, a library, a YAML file, an inline mapping, a container image, or an address.

use std::path::Path;

use flowrun_sdk::guard::BinaryFormat;

use super::executor::{ExecutorSpec, PythonModule, Uses, dotted_class, is_library};
use super::reader::Reader;
use super::{executor_yaml, library, path};
use crate::diagnostic::{Span, Spanned};
use crate::yaml::{self, Node, Scalar};

/// The executor that returns documents unchanged.
pub(super) const PASS: &str = "Pass";

/// Reads the value of a `uses` key; [`PASS`], at `span`, when it is absent.
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

/// Reads the value of an `image` key of Jina 0.3 and earlier.
pub(super) fn image(image: Spanned<&str>, reader: &Reader<'_>) -> Spanned<Uses> {
    Spanned::new(container(image.value, image.span, reader), image.span)
}

fn boxed(spec: ExecutorSpec) -> Uses {
    Uses::Class(Box::new(spec))
}

fn class(name: &str, span: Span, reader: &Reader<'_>) -> Uses {
    boxed(ExecutorSpec::of_class(name, span, reader.directory(span)))
}

fn unresolved(written: &str, reason: &str, help: &str) -> Uses {
    let help = (!help.is_empty()).then(|| help.to_owned());
    Uses::Unresolved { written: written.to_owned(), reason: reason.to_owned(), help }
}

fn broken(written: &str) -> Uses {
    Uses::Broken { written: written.to_owned() }
}

/// The executor that a string names. The order is Jina's: a file, then a class, then an image.
fn named(scalar: &Scalar, span: Span, reader: &mut Reader<'_>) -> Uses {
    let text = scalar.text.trim();
    if text.starts_with('!') {
        return inline(text, span, reader);
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return from_scheme(scheme, rest, span, reader);
    }
    if is_library(text) {
        return library::whole(scalar, span, reader);
    }
    if text.ends_with(".py") {
        let help = format!(
            "write the class, and the file that defines it: `uses: CLASS` with `py_modules: [{text}]`"
        );
        return unresolved(&scalar.written, "it is a Python file, not a class", &help);
    }
    if let Some(found) = path::find(scalar, span, reader.sources, reader.report) {
        if BinaryFormat::of_file(&found).is_some() {
            return library::at(found, scalar, span, reader);
        }
        let node = yaml::load(&found, reader.environment, reader.sources, reader.report);
        let spec = node.as_ref().and_then(|node| executor_yaml::read(node, reader));
        return spec.map_or_else(|| broken(&scalar.written), boxed);
    }
    if text.ends_with(".yml") || text.ends_with(".yaml") {
        let directory = reader.directory(span);
        let reason =
            format!("the file exists neither in `{}` nor in the working directory", directory.display());
        return unresolved(&scalar.written, &reason, "");
    }
    if let Some((module, name)) = dotted_class(text) {
        let mut spec = ExecutorSpec::of_class(name, span, reader.directory(span));
        let written = Spanned::new(module.to_owned(), span);
        spec.py_modules.push(PythonModule { written, file: None });
        return boxed(spec);
    }
    match text.chars().find(|character| !character.is_alphanumeric() && *character != '_') {
        None => class(text, span, reader),
        Some(_) if is_image(text) && !reader.directory(span).join(text).is_dir() => {
            container(text, span, reader)
        }
        Some(odd) => not_a_class(scalar, odd, span, reader),
    }
}

/// True if a text can be the name of a container image: its repository has no capitals, and only some punctuation.
fn is_image(text: &str) -> bool {
    let (path, name) = text.rsplit_once('/').unwrap_or(("", text));
    let repository = name.split([':', '@']).next().unwrap_or(name);
    let is_valid = |part: &str, more: &str| {
        part.chars().all(|letter| {
            letter.is_ascii_lowercase()
                || letter.is_ascii_digit()
                || "._-".contains(letter)
                || more.contains(letter)
        })
    };
    text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && is_valid(path, "/:")
        && is_valid(repository, "")
        && name.is_ascii()
}

/// Explains a text that is neither a file, nor a class, nor an image: it has the character `odd`.
fn not_a_class(scalar: &Scalar, odd: char, span: Span, reader: &Reader<'_>) -> Uses {
    let text = scalar.text.trim();
    if reader.directory(span).join(text).is_dir() {
        let config = ["config.yml", "config.yaml"].map(|name| Path::new(text).join(name));
        let found = config.iter().find(|file| reader.directory(span).join(file).is_file());
        let help = match found {
            Some(file) => format!("write the executor's file: `uses: {}`", file.display()),
            None => {
                "write the executor's YAML file, or the class: `uses: CLASS` with `py_modules: [FILE.py]`"
                    .into()
            }
        };
        return unresolved(&scalar.written, "it is a directory", &help);
    }
    if text.contains('/') {
        let reason = format!("no such file exists in `{}`", reader.directory(span).display());
        return unresolved(&scalar.written, &reason, "paths are relative to the file that contains them");
    }
    let reason = format!(
        "it contains {}, and the name of a class has only letters, digits and `_`",
        named_character(odd)
    );
    let help = match odd {
        '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»' => {
            "write no quotation marks, or `'` or `\"`"
        }
        '#' => "a comment begins with a space and `#`",
        _ => "",
    };
    unresolved(&scalar.written, &reason, help)
}

/// A character for messages. Characters that are easily confused, or invisible, are named by their number too.
fn named_character(character: char) -> String {
    let number = u32::from(character);
    match character {
        ' '..='~' => format!("`{character}`"),
        _ if character.is_control() || character.is_whitespace() || is_invisible(number) => {
            format!("U+{number:04X}")
        }
        _ => format!("`{character}` (U+{number:04X})"),
    }
}

/// True for characters without a width: joiners, directional marks, the byte order mark.
fn is_invisible(number: u32) -> bool {
    matches!(number, 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0xfeff)
}

/// An executor's YAML in a string: `!Class {with: {…}}`.
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
        // A built-in executor replaces the hub's executor of the same name.
        Some("jinahub") => class(rest.split(['/', ':']).next().unwrap_or(rest), span, reader),
        Some("jinaai") => {
            let name = rest.split('/').nth(1).unwrap_or(rest);
            class(name.split(':').next().unwrap_or(name), span, reader)
        }
        Some("grpc" | "grpcs") => {
            let address = vec![format!("{scheme}://{rest}")];
            let written = vec![reader.sources.slice(span).to_owned()];
            Uses::remote(address, written, (span, span), reader.directory(span))
        }
        Some("http" | "https" | "ws" | "wss") => unresolved(
            &format!("{scheme}://{rest}"),
            "remote executors are called over gRPC only",
            "write `grpc://HOST:PORT`, or `grpcs://HOST:PORT` with TLS",
        ),
        _ => unresolved(&format!("{scheme}://{rest}"), "the URL scheme is unknown", ""),
    }
}

/// The built-in executor that replaces a container image.
fn container(image: &str, span: Span, reader: &Reader<'_>) -> Uses {
    match IMAGES.iter().find(|(prefix, _)| image.starts_with(prefix)) {
        Some((_, name)) => class(name, span, reader),
        None => unresolved(
            image,
            "flowrun does not run containers, and no built-in executor replaces this image",
            "write the class that the image runs: `uses: SomeEncoder`",
        ),
    }
}

/// Images of Jina's hub, by name prefix, and the built-in executors that replace them: the classes that their entry
/// points run.
const IMAGES: &[(&str, &str)] = &[
    ("jinaai/hub.executors.encoders.image.torchvision-", "ImageTorchEncoder"),
    ("jinaai/hub.executors.encoders.image.imagekeras", "KerasImageEncoder"),
    ("jinaai/hub.executors.rankers.bi_match", "BiMatchRanker"),
    ("jinaai/hub.executors.indexers.vector.annoy", "AnnoyIndexer"),
    ("jinaai/hub.executors.indexers.vector.nmslib", "NmslibIndexer"),
    ("jinaai/hub.executors.indexers.vector.faiss", "FaissIndexer"),
];
