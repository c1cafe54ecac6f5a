//! Every key that a section lists as supported is read there.

use std::collections::BTreeSet;
use std::path::Path;

use super::fields::reads;
use super::keys::SECTIONS;
use super::{Support, parse};
use crate::diagnostic::{Report, Sources};
use crate::yaml::{Environment, load_text};

/// Flows that together reach the parser of every section.
const FLOWS: [&str; 5] = [
    "!Flow\nwith: {}\npods:\n  a: {image: x, uses: {jtype: A, metas: {}, components: [{jtype: B}]}, replicas: 2, polling: all}\n",
    "!Flow\npods: [{name: a, uses: A}]\n",
    "jtype: Flow\nexecutors:\n\
     - {name: a, uses: A, uses_metas: {}, strategy: {time: {tag: t}}, uses_dynamic_batching: {/x: {timeout: 1}}}\n\
     - {name: b, external: true, port: 1}\n",
    "jtype: Deployment\nwith: {uses: A}\n",
    "jtype: Deployment\nwith: {uses: 'grpc://a:1'}\n",
];

/// Keys that are read before the tables are consulted.
const STRUCTURAL: &str = "jtype";

#[test]
fn every_supported_key_of_a_section_is_read_there() {
    let read = reads_of(&FLOWS);
    let mut unread = Vec::new();
    for section in SECTIONS {
        let supported = section.rows().filter(|row| row.support == Support::Supported);
        for row in supported.filter(|row| row.name != STRUCTURAL) {
            if !read.contains(&(section.title, row.name)) {
                unread.push(format!("{}: `{}`", section.title, row.name));
            }
        }
    }
    assert!(unread.is_empty(), "no parser reads these keys:\n{}", unread.join("\n"));
}

#[test]
fn every_key_that_a_parser_reads_is_supported_in_some_section() {
    let supported: BTreeSet<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.rows())
        .filter(|row| row.support == Support::Supported)
        .map(|row| row.name)
        .collect();
    let unknown: Vec<_> = reads_of(&FLOWS).into_iter().filter(|(_, key)| !supported.contains(key)).collect();
    assert!(unknown.is_empty(), "no table lists these keys: {unknown:?}");
}

/// Section and name of every key that parsing `flows` reads.
fn reads_of(flows: &[&str]) -> BTreeSet<(&'static str, &'static str)> {
    let environment = Environment::default();
    reads::take();
    for flow in flows {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        let root = load_text(Path::new("flow.yml"), *flow, &environment, &mut sources, &mut report).unwrap();
        parse(&root, &environment, &mut sources, &mut report).unwrap();
    }
    reads::take()
}

#[test]
fn an_unnamed_join_of_jina_1_is_called_joiner_and_its_env_applies_to_all_pods() {
    let text = "!Flow\nversion: '1'\nenv: {ONE: hello}\npods:\n- {name: a, uses: _pass, show_exc_info: true}\n\
                - {name: b, uses: _pass, needs: gateway}\n- {method: needs, needs: [a, b]}\n- {name: z, uses: _pass, needs: joiner}\n";
    let environment = Environment::default();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let root = load_text(Path::new("flow.yml"), text, &environment, &mut sources, &mut report).unwrap();
    let flow = parse(&root, &environment, &mut sources, &mut report).unwrap();
    let names: Vec<&str> = flow.pods.iter().map(|pod| pod.name.value.as_str()).collect();
    assert_eq!(names, ["a", "b", "joiner", "z"]);
    assert!(flow.pods.iter().all(|pod| !pod.env.written.is_empty()));
}
