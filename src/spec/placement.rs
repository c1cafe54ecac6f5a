//! Placement files: the pods of a flow that run on workers, and the addresses of the workers.
//!
//! Only the form of a file is checked here. Comparing it with the flow is a task of the planner, which knows executors.

use std::path::PathBuf;

use super::dialect::Dialect;
use super::keys::{PLACED_PODS, PLACEMENT, PLACEMENT_TOKEN, WORKER_CA, WORKER_TOKEN};
use super::reader::Reader;
use super::tokens::{self, TokenSource};
use crate::diagnostic::{Code, Diagnostic, Report, Sources, Span, Spanned};
use crate::yaml::{Environment, Node};

/// A placement file.
#[derive(Clone, Debug, Default)]
pub struct PlacementSpec {
    /// Pods that run on workers.
    pub pods: Vec<PlacedPod>,
    /// Certificate authorities of the workers; those of the machine if absent.
    pub ca: Option<PathBuf>,
    /// Token that workers require.
    pub token: Option<TokenSource>,
}

/// A pod, or a chain of pods, that runs on workers.
#[derive(Clone, Debug)]
pub struct PlacedPod {
    /// Name of the pod; for a chain of pods that share workers, the names joined by `+`.
    pub name: Spanned<String>,
    /// Location of the addresses.
    pub span: Span,
    /// Addresses as written, by shard: one per replica.
    pub shards: Vec<Vec<Spanned<String>>>,
    /// True for a list per shard, false for a list of replicas.
    pub lists_shards: bool,
}

const HELP: &str = "write `POD: [HOST:PORT]`, with one address per replica, or `POD: [[HOST:PORT], [HOST:PORT]]`, with \
                    a list per shard";

/// Parses the placement `root`. `None` if it is not a placement; otherwise the report may still contain errors.
pub fn parse_placement(
    root: &Node,
    environment: &Environment,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<PlacementSpec> {
    let Some(mapping) = root.mapping() else {
        let message = format!("a placement must be a mapping with `pods`, but is {}", root.kind());
        report.push(Diagnostic::at(Code::WrongType, root.span, message).help(HELP));
        return None;
    };
    let mut reader = Reader { dialect: Dialect::Modern, environment, sources, report };
    let fields = reader.fields(mapping, &PLACEMENT);
    let pods = match fields.get(&PLACED_PODS).and_then(Node::mapping) {
        Some(pods) => pods.iter().filter_map(|(name, value)| placed_pod(name, value, &mut reader)).collect(),
        // A value of another type is reported already.
        None if mapping.get(PLACED_PODS.name().as_str()).is_some_and(|node| !node.is_null()) => Vec::new(),
        None => {
            let message = "a placement needs `pods`: the pods that run on workers";
            reader.report.push(Diagnostic::at(Code::MissingKey, root.span, message).help(HELP));
            Vec::new()
        }
    };
    let ca = reader.path(fields.get(&WORKER_CA));
    let token = fields.get(&WORKER_TOKEN).and_then(|node| {
        let fields = reader.fields_of(Some(node), &PLACEMENT_TOKEN);
        tokens::source(node, &fields, "write `{variable: NAME}` or `{file: PATH}`", &mut reader)
    });
    Some(PlacementSpec { pods, ca, token })
}

/// Reads the addresses of one pod: a text, a list of texts, or a list of such lists.
fn placed_pod(name: &Node, value: &Node, reader: &mut Reader<'_>) -> Option<PlacedPod> {
    let lists_shards =
        value.sequence().is_some_and(|items| items.iter().any(|item| item.sequence().is_some()));
    let shards: Option<Vec<_>> = match lists_shards {
        true => value.items().iter().map(replicas).collect(),
        false => replicas(value).map(|replicas| vec![replicas]),
    };
    let names: Vec<_> = name.key_text().split('+').map(|name| name.trim().to_owned()).collect();
    let name = Spanned::new(names.join("+"), name.span);
    if shards.is_none() {
        let message =
            format!("the addresses of `{}` must be a list of texts, or a list of such lists", name.value);
        reader.report.push(Diagnostic::at(Code::WrongType, value.span, message).help(HELP));
    }
    Some(PlacedPod { name, span: value.span, shards: shards?, lists_shards })
}

/// The addresses in a text or a list of texts; `None` if there are none, or other values among them.
fn replicas(node: &Node) -> Option<Vec<Spanned<String>>> {
    let address = |item: &Node| {
        let text = item.text().filter(|_| !item.is_null())?.trim();
        (!text.is_empty()).then(|| Spanned::new(text.to_owned(), item.span))
    };
    let addresses: Vec<_> = node.items().iter().map(address).collect::<Option<_>>()?;
    (!addresses.is_empty()).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::yaml::load_text;

    fn parsed(text: &str) -> (Option<PlacementSpec>, Vec<Code>) {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let environment = Environment::from_variables([("HOST", "far")]);
        let root =
            load_text(Path::new("placement.yml"), text, &environment, &mut sources, &mut report).unwrap();
        let placement = parse_placement(&root, &environment, &mut sources, &mut report);
        (placement, report.sorted().iter().map(|diagnostic| diagnostic.code).collect())
    }

    /// The addresses of each shard of the first pod.
    fn addresses(value: &str) -> Vec<Vec<String>> {
        let (placement, codes) = parsed(&format!("pods: {{a: {value}}}\n"));
        assert_eq!(codes, [], "{value}");
        let shards = placement.unwrap().pods.remove(0).shards.into_iter();
        shards.map(|shard| shard.into_iter().map(|address| address.value).collect()).collect()
    }

    #[test]
    fn a_text_is_one_replica_a_list_several_and_a_list_of_lists_one_per_shard() {
        assert_eq!(addresses("h:1"), [["h:1"]]);
        assert_eq!(addresses("[h:1, '${HOST}:2']"), [["h:1", "far:2"]]);
        assert_eq!(addresses("[[h:1, h:2], [h:3, h:4]]"), [["h:1", "h:2"], ["h:3", "h:4"]]);
        assert_eq!(addresses("[[h:1], h:3]"), [["h:1"], ["h:3"]]);
    }

    #[test]
    fn other_forms_are_reported() {
        for (text, code) in [
            ("[a]\n", Code::WrongType),
            ("{}\n", Code::MissingKey),
            ("pods: [a]\n", Code::WrongType),
            ("pods: {a: }\n", Code::WrongType),
            ("pods: {a: []}\n", Code::WrongType),
            ("pods: {a: [[]]}\n", Code::WrongType),
            ("pods: {a: [[[h:1]]]}\n", Code::WrongType),
            ("pods: {a: {h: 1}}\n", Code::WrongType),
            ("pods: {a: h:1}\nlog: nats://h:4222\n", Code::Unsupported),
            ("pods: {a: h:1}\ntoken: {}\n", Code::MissingKey),
            ("pods: {a: h:1}\nexecutors: []\n", Code::UnknownKey),
            ("pod: {a: h:1}\npods: {}\n", Code::MisspeltKey),
        ] {
            assert_eq!(parsed(text).1, [code], "{text}");
        }
        let (placement, _) = parsed("pods: {a: h:1}\ntoken: {variable: T}\nca: c.pem\n");
        let placement = placement.unwrap();
        assert_eq!(placement.token, Some(TokenSource::Variable("T".to_owned())));
        assert_eq!(placement.ca, Some("c.pem".into()));
    }
}
