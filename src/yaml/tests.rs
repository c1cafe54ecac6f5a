//! Loading: types, expressions, limits and errors.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::diagnostic::{Code, Report, Sources};

/// Loads `text` from a file. Returns the tree, and the code, line and column of each diagnostic.
fn loaded(text: &str, environment: &Environment) -> (Option<Node>, Vec<(Code, usize, usize)>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yml");
    std::fs::write(&path, text).unwrap();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let node = load(&path, environment, &mut sources, &mut report);
    let located = |diagnostic: &&crate::diagnostic::Diagnostic| {
        let position = sources.position(diagnostic.span().unwrap());
        (diagnostic.code, position.line, position.column)
    };
    (node, report.sorted().iter().map(located).collect())
}

fn json_of(text: &str, schema: Schema, environment: &Environment) -> serde_json::Value {
    let (node, codes) = loaded(text, environment);
    assert_eq!(codes, []);
    node.unwrap().to_json(schema)
}

#[test]
fn plain_scalars_are_typed_by_the_schema() {
    let text = "[yes, no, true, 014, 0x1F, 1e3, -2, '3', ~, 1.5, .inf, on, 12:30, 1_000, x]";
    assert_eq!(
        json_of(text, Schema::Yaml12, &Environment::default()),
        json!(["yes", "no", true, 14, 31, 1000.0, -2, "3", null, 1.5, ".inf", "on", "12:30", "1_000", "x"])
    );
    assert_eq!(
        json_of(text, Schema::Yaml11, &Environment::default()),
        json!([true, false, true, 12, 31, 1000.0, -2, "3", null, 1.5, ".inf", "on", "12:30", 1000, "x"])
    );
}

#[test]
fn variables_are_typed_like_plain_text_unless_quoted() {
    let environment = Environment::from_variables([("N", "3"), ("S", "a b"), ("E", "")]);
    let text =
        "a: $N\nb: '$N'\nc: x${N}y\nd: ${S}\ne: ${U:-5}\nf: ${E:-${N}}\ng: ${{ ENV.N }}\nh: $$N\ni: ${E}\n";
    assert_eq!(
        json_of(text, Schema::Yaml12, &environment),
        json!({"a": 3, "b": "3", "c": "x3y", "d": "a b", "e": 5, "f": 3, "g": 3, "h": "$N", "i": null})
    );
}

#[test]
fn a_value_never_changes_the_structure() {
    let environment = Environment::from_variables([("EVIL", "x\nother: {a: [1]} # &anchor")]);
    let value = json_of("a: $EVIL\n", Schema::Yaml12, &environment);
    assert_eq!(value, json!({"a": "x\nother: {a: [1]} # &anchor"}));
}

#[test]
fn references_resolve_through_the_file_and_other_references() {
    let text = "with: {port: 1, list: [{a: deep}]}\nx: ${{root.with.port}}\ny: {p: q, r: '{this.p}/s'}\n\
                z: ${{ root.with.list[0].a }}-${{ root.x }}\n";
    assert_eq!(
        json_of(text, Schema::Yaml12, &Environment::default()),
        json!({"with": {"port": 1, "list": [{"a": "deep"}]}, "x": 1, "y": {"p": "q", "r": "q/s"}, "z": "deep-1"})
    );
}

#[test]
fn expressions_without_a_value_are_errors_at_their_location() {
    let (_, codes) =
        loaded("a: $U\nb: x-${V:?why}\nc: ${{ root.d }}\nd: ${{ root.c }}\ne: ${\n", &Environment::default());
    assert_eq!(
        codes,
        [
            (Code::VariableUnset, 1, 4),
            (Code::VariableUnset, 2, 6),
            (Code::ReferenceUnresolved, 3, 4),
            (Code::ReferenceUnresolved, 4, 4),
            (Code::MalformedExpression, 5, 4),
        ]
    );
}

#[test]
fn scalars_keep_their_text_as_written() {
    let (node, _) = loaded("token: Bearer ${TOKEN}\n", &Environment::from_variables([("TOKEN", "secret")]));
    let node = node.unwrap();
    let scalar = node.mapping().unwrap().get("token").unwrap().scalar().unwrap();
    assert_eq!((scalar.text.as_str(), scalar.written.as_str()), ("Bearer secret", "Bearer ${TOKEN}"));
}

#[test]
fn origin_is_the_variable_that_supplies_the_start_of_a_text() {
    let (node, _) = loaded("[$D/x, x/$D, '${U:-y}/x']", &Environment::from_variables([("D", "d")]));
    let origins: Vec<Origin> =
        node.unwrap().sequence().unwrap().iter().map(|node| node.scalar().unwrap().origin).collect();
    assert_eq!(origins, [Origin::Variable, Origin::File, Origin::File]);
}

#[test]
fn duplicate_keys_are_errors_at_the_second() {
    let (_, codes) = loaded("a: 1\nb: 2\na: 3\n", &Environment::default());
    assert_eq!(codes, [(Code::DuplicateKey, 3, 1)]);
}

#[test]
fn tags_list_keys_anchors_and_merge_keys_are_supported() {
    let text = "!Flow\nbase: &base {a: 1, b: 2}\nother: {<<: *base, b: 3}\n? [X, Y]\n: - !Driver {}\n";
    let (node, codes) = loaded(text, &Environment::default());
    let node = node.unwrap();
    assert_eq!(codes, []);
    assert_eq!(node.class().unwrap().value, "Flow");
    let [.., (key, value)] = &node.mapping().unwrap().0[..] else { panic!("three entries") };
    assert_eq!(key.key_text(), "X,Y");
    assert_eq!(value.sequence().unwrap()[0].class().unwrap().value, "Driver");
    let other = node.mapping().unwrap().get("other").unwrap();
    assert_eq!(other.to_json(Schema::Yaml12), json!({"b": 3, "a": 1}));
}

#[test]
fn files_beyond_the_limits_are_rejected() {
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let previous = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
    }
    for text in [deep, bomb] {
        let (node, codes) = loaded(&text, &Environment::default());
        assert!(node.is_none());
        assert!(matches!(codes[..], [(Code::YamlTooLarge, ..)]), "{codes:?}");
    }
}

#[test]
fn invalid_yaml_is_an_error_with_a_location() {
    for text in ["a: [1, 2\n", "a: b: c\n", "a:\n\t- x", "a: *nowhere\n", "a: 1\n---\nb: 2\n", "x: \"\n"] {
        let (node, codes) = loaded(text, &Environment::default());
        assert!(node.is_none(), "{text}");
        assert!(matches!(codes[..], [(Code::YamlSyntax, ..)]), "{text}: {codes:?}");
    }
}

#[test]
fn errors_name_unreadable_files() {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    assert!(
        load(Path::new("/nowhere/flow.yml"), &Environment::default(), &mut sources, &mut report).is_none()
    );
    let [diagnostic] = report.sorted()[..] else { panic!("one diagnostic") };
    assert!(diagnostic.message.contains("/nowhere/flow.yml"), "{}", diagnostic.message);
}

proptest::proptest! {
    #[test]
    fn loading_never_panics(text in "[a-c:\\[\\]{}\\-?!&*|>'\"#%@ \n$.0-9]{0,60}") {
        loaded(&text, &Environment::from_variables([("a", "b")]));
    }
}
