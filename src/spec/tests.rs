//! Parsing: keys and their tables, numbers, environment variables, tokens, and the normal form.

use std::collections::BTreeSet;
use std::path::Path;

use super::fields::reads;
use super::keys::SECTIONS;
use super::{FlowSpec, Support, TokenSource, Uses, normal_form, parse, parse_placement};
use crate::diagnostic::{Code, Report, Sources, VariableTexts};
use crate::routes::Role;
use crate::yaml::{Environment, load_text};

/// Flows that together reach the parser of every section.
const FLOWS: [&str; 6] = [
    "!Flow\nwith: {}\npods:\n  a: {image: x, uses: {jtype: A, metas: {}, components: [{jtype: B}]}, replicas: 2, polling: all}\n",
    "!Flow\npods: [{name: a, uses: A}]\n",
    "jtype: Flow\nexecutors:\n\
     - {name: a, uses: A, uses_metas: {}, strategy: {time: {tag: t}}, uses_dynamic_batching: {/x: {timeout: 1}}}\n\
     - {name: b, external: true, port: 1}\n",
    "jtype: Deployment\nwith: {uses: A}\n",
    "jtype: Flow\nwith: {tokens: [{role: read, file: a}]}\nexecutors: []\n",
    "jtype: Deployment\nwith: {uses: 'grpc://a:1'}\n",
];

/// A placement that reaches the parser of its sections.
const PLACED: &str = "pods: {a: h:1}\ntoken: {variable: T}\n";

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

/// The flow in `text`, and the code of each diagnostic.
fn flow_of(text: &str, environment: &Environment) -> (FlowSpec, Vec<Code>) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let root = load_text(Path::new("flow.yml"), text, environment, &mut sources, &mut report).unwrap();
    let flow = parse(&root, environment, &mut sources, &mut report).unwrap();
    (flow, report.sorted().iter().map(|diagnostic| diagnostic.code).collect())
}

#[test]
fn integers_of_keys_have_the_notations_of_parameters() {
    for (written, expected) in [
        ("010", 8),
        ("0x3", 3),
        ("0b11", 3),
        ("1_0", 10),
        ("08", 8),
        ("'08'", 8),
        ("$N", 10),
        ("!!int '3'", 3),
    ] {
        let text = format!(
            "jtype: Flow\nexecutors:\n- name: a\n  replicas: {written}\n  timeout_ready: {written}\n"
        );
        let (flow, codes) = flow_of(&text, &Environment::from_variables([("N", "010")]));
        assert_eq!(codes, [], "{written}");
        let timeout = Some(std::time::Duration::from_millis(expected as u64));
        assert_eq!((flow.pods[0].replicas, flow.pods[0].timeout_ready), (expected, timeout), "{written}");
    }
    // Jina 0.x: numbers of YAML 1.2.
    let (flow, codes) = flow_of("!Flow\npods:\n  a: {uses: Pass, replicas: 010}\n", &Environment::default());
    assert_eq!((flow.pods[0].replicas, codes), (10, Vec::new()));
    for written in ["3.0", "x", "1:75", "0o3"] {
        let text = format!("jtype: Flow\nexecutors: [{{name: a, replicas: {written}}}]\n");
        assert_eq!(flow_of(&text, &Environment::default()).1, [Code::WrongType], "{written}");
    }
}

#[test]
fn variables_of_processes_are_texts_as_written() {
    let environment = Environment::from_variables([("X", "0555"), ("Y", "yes")]);
    let values =
        ["08", "12e7", "12345678901234567890", "0777", "'007'", "$X", "$Y", "true", "1_000", ".inf", "~"];
    let expected =
        ["08", "12e7", "12345678901234567890", "0777", "007", "0555", "yes", "true", "1_000", ".inf", "~"];
    let env: String =
        values.iter().enumerate().map(|(number, value)| format!("    V{number}: {value}\n")).collect();
    for text in [
        format!("jtype: Flow\nexecutors:\n- name: a\n  uses: Pass\n  env:\n{env}"),
        format!("jtype: Flow\nwith:\n  env:\n{env}executors:\n- name: a\n  uses: Pass\n"),
    ] {
        let (flow, codes) = flow_of(&text, &environment);
        assert_eq!(codes, []);
        let values: Vec<_> = flow.pods[0].env.values.values().map(|value| value.as_str().unwrap()).collect();
        assert_eq!(values, expected);
    }
    let list = "jtype: Flow\nexecutors: [{name: a, uses: Pass, env: {A: [1]}}]\n";
    assert_eq!(flow_of(list, &environment).1, [Code::WrongType]);
}

#[test]
fn a_token_names_its_role_and_one_source_of_its_value() {
    let environment = Environment::from_variables([("NAME", "secret")]);
    let tokens = |list: &str| {
        let text = format!("jtype: Flow\nwith: {{tokens: [{list}]}}\nexecutors: [{{name: a, uses: Pass}}]\n");
        let (flow, codes) = flow_of(&text, &environment);
        (flow.gateway.tokens, codes)
    };
    let (read, codes) = tokens("{role: read, variable: NAME}, {role: Admin, file: a.token}");
    assert_eq!(codes, []);
    assert_eq!((read[0].role, &read[0].source), (Role::Read, &TokenSource::Variable("NAME".to_owned())));
    assert_eq!((read[1].role, &read[1].source), (Role::Admin, &TokenSource::File("a.token".into())));
    for (list, code) in [
        ("{role: read}", Code::MissingKey),
        ("{variable: NAME}", Code::MissingKey),
        ("{role: read, variable: NAME, file: a}", Code::ConflictingKeys),
        ("{role: read, variable: $NAME}", Code::WrongType),
        ("{role: reader, variable: NAME}", Code::WrongType),
        ("{role: read, token: literal}", Code::UnknownKey),
    ] {
        let (read, codes) = tokens(list);
        assert!(read.is_empty() && codes.contains(&code), "{list}: {codes:?}");
    }
}

#[test]
fn strings_of_the_normal_form_stay_strings() {
    let texts =
        ["1:30", "1_000", "yes", "0x_1F", "08", "3", "true", ".inf", "12e7", "x: 1", "", "on", "2024-01-01"];
    let list = texts.map(|text| format!("'{text}'")).join(", ");
    let text = format!("jtype: Flow\nexecutors: [{{name: a, uses: X, uses_with: {{v: [{list}]}}}}]\n");
    let with = |text: &str| match flow_of(text, &Environment::default()).0.pods.remove(0).executor.value {
        Uses::Class(spec) => spec.with.values["v"].clone(),
        _ => panic!("{text}"),
    };
    let normal = normal_form(&flow_of(&text, &Environment::default()).0, &VariableTexts::default());
    assert_eq!(with(&normal), serde_json::json!(texts), "{normal}");
    assert!(normal.contains("- '1:30'\n"), "{normal}");
}

#[test]
fn the_normal_form_has_the_modules_of_executors_before_and_after_the_shards() {
    let text = "jtype: Flow\nexecutors: [{name: a, uses: A, uses_metas: {description: d}, uses_after: B, py_modules: [m.n]}]\n";
    let environment = Environment::default();
    let normal = |text: &str| normal_form(&flow_of(text, &environment).0, &VariableTexts::default());
    let once = normal(text);
    assert_eq!(normal(&once), once);
    let pod = flow_of(&once, &environment).0.pods.remove(0);
    let Uses::Class(spec) = pod.executor.value else { panic!("{once}") };
    let modules = [&pod.py_modules, &spec.py_modules].map(|modules| modules[0].written.value.as_str());
    assert_eq!((modules, spec.description.as_deref()), (["m.n"; 2], Some("d")));
}

#[test]
fn the_last_merge_key_of_a_pod_wins() {
    let text = "jtype: Flow\nx-a: &a {uses: Pass, replicas: 2}\nx-b: &b {replicas: 3}\nexecutors:\n\
                - <<: *a\n  <<: *b\n  name: one\n";
    let (flow, _) = flow_of(text, &Environment::default());
    assert_eq!(flow.pods[0].replicas, 3);
}

#[test]
fn a_note_that_holds_for_the_flow_comes_once() {
    let text = "jtype: Flow\nexecutors:\n- {name: a, monitoring: true}\n- {name: b, monitoring: true}\n";
    assert_eq!(flow_of(text, &Environment::default()).1, [Code::WithoutEffect]);
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
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let root = load_text(Path::new("p.yml"), PLACED, &environment, &mut sources, &mut report).unwrap();
    parse_placement(&root, &environment, &mut sources, &mut report).unwrap();
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
