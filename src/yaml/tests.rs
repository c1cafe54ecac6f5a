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
    let mut report = Report::default();
    let json = node.unwrap().to_json(schema, &mut report);
    assert_eq!(report.sorted(), Vec::<&crate::diagnostic::Diagnostic>::new());
    json
}

/// The code and message of each diagnostic when `text` becomes JSON in Jina's schema.
fn json_errors(text: &str, environment: &Environment) -> Vec<(Code, String)> {
    let (node, _) = loaded(text, environment);
    let mut report = Report::default();
    let _ = node.unwrap().to_json(Schema::Yaml11, &mut report);
    report.sorted().iter().map(|diagnostic| (diagnostic.code, diagnostic.message.clone())).collect()
}

#[test]
fn plain_scalars_are_typed_by_the_schema() {
    let text = "[yes, no, true, 014, 0x1F, 1e3, -2, '3', ~, 1.5, on, 12:30, 1_000, x, 08]";
    assert_eq!(
        json_of(text, Schema::Yaml12, &Environment::default()),
        json!(["yes", "no", true, 14, 31, 1000.0, -2, "3", null, 1.5, "on", "12:30", "1_000", "x", 8])
    );
    assert_eq!(
        json_of(text, Schema::Yaml11, &Environment::default()),
        json!([true, false, true, 12, 31, 1000.0, -2, "3", null, 1.5, "on", 750, 1000, "x", 8])
    );
}

#[test]
fn integers_with_a_leading_zero_are_those_of_jina() {
    let text = "v: [08, 09, -08, [08, 09, 10], 010, 007, {a: 0_8}, '08']";
    let expected = json!({"v": [8, 9, -8, [8, 9, 10], 8, 7, {"a": 8}, "08"]});
    assert_eq!(json_of(text, Schema::Yaml11, &Environment::default()), expected);
}

#[test]
fn integers_are_exact_or_errors() {
    let text = "[18446744073709551615, 12345678901234567890, 9223372036854775808, -9223372036854775808, 0xFFFFFFFFFFFFFFFF]";
    let expected = json!([
        18_446_744_073_709_551_615_u64,
        12_345_678_901_234_567_890_u64,
        9_223_372_036_854_775_808_u64,
        i64::MIN,
        u64::MAX
    ]);
    assert_eq!(json_of(text, Schema::Yaml11, &Environment::default()), expected);
    assert_eq!(json_of(text, Schema::Yaml12, &Environment::default()), expected);
    let huge = "1".repeat(60);
    for text in [
        "18446744073709551616",
        "-9223372036854775809",
        &huge,
        "0x1_0000000000000000",
        "!!int '18446744073709551616'",
    ] {
        let errors = json_errors(&format!("[{text}]"), &Environment::default());
        assert!(
            matches!(&errors[..], [(Code::OutOfRange, message)] if message.contains("64 bits")),
            "{text}: {errors:?}"
        );
    }
}

#[test]
fn numbers_that_are_not_finite_are_errors() {
    for text in [".inf", "-.Inf", "+.INF", ".nan", "1e400", "1.0e+400", "!!float '.inf'", "$INF"] {
        let errors = json_errors(&format!("[{text}]"), &Environment::from_variables([("INF", "inf")]));
        assert!(
            matches!(&errors[..], [(Code::OutOfRange, message)] if message.contains("finite")),
            "{text}: {errors:?}"
        );
    }
    let words = json_of("[nan, inf, '.inf']", Schema::Yaml11, &Environment::default());
    assert_eq!(words, json!(["nan", "inf", ".inf"]));
}

#[test]
fn explicit_types_are_those_of_pyyaml() {
    let text = "[!!int '3', !!int '0x1F', !!float 3, !!float '1_0', !!bool 'yes', !!bool 'on', !!null x, !!str 08, !!str yes, \
                !!seq [1], !!map {a: 1}, ! x, ! 3, ! [1]]";
    let expected = json!([3, 31, 3.0, 10.0, true, true, null, "08", "yes", [1], {"a": 1}, "x", "3", [1]]);
    assert_eq!(json_of(text, Schema::Yaml11, &Environment::default()), expected);
    for text in [
        "!!int 3.0",
        "!!int '08'",
        "!!bool x",
        "!!float x",
        "!!binary aGk=",
        "!!timestamp 2024-01-01",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!foo x",
        "!foo {a: 1}",
        "!foo [1]",
        "!!seq {a: 1}",
    ] {
        let errors = json_errors(&format!("[{text}]"), &Environment::default());
        assert!(matches!(&errors[..], [(Code::WrongType, _)]), "{text}: {errors:?}");
    }
}

#[test]
fn text_of_a_variable_is_typed_as_jina_types_it() {
    let environment = Environment::from_variables([
        ("A", "0555"),
        ("B", "yes"),
        ("C", "TRUE"),
        ("D", "0x1F"),
        ("E", "1_000"),
        ("F", "[1, 02, x]"),
        ("G", ""),
        ("H", "1:30"),
        ("I", "12345678901234567890"),
    ]);
    let text = "[$A, -$A, x$A, $B, $C, $D, $E, $F, $G, $H, $I, '$A', '${U:-010}', ${U:-010}]";
    let big = 12_345_678_901_234_567_890_u64;
    let expected = json!([
        555,
        -555,
        "x0555",
        "yes",
        true,
        "0x1F",
        1000,
        [1, 2, "x"],
        null,
        "1:30",
        big,
        "0555",
        "010",
        8
    ]);
    assert_eq!(
        json_of(text.replace("${U:-010}]", "'010']").as_str(), Schema::Yaml11, &environment)[0],
        expected[0]
    );
    let block: String = text.trim_matches(['[', ']']).split(", ").map(|item| format!("- {item}\n")).collect();
    assert_eq!(json_of(&block, Schema::Yaml11, &environment), expected);
    let reference =
        json_of("a: $A\nb: ${{ root.a }}\nc: 010\nd: ${{ root.c }}\n", Schema::Yaml11, &environment);
    assert_eq!(reference, json!({"a": 555, "b": 555, "c": 8, "d": 8}));
}

#[test]
fn merge_keys_have_the_outcome_of_pyyaml() {
    let bases = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\n";
    for (mapping, expected) in [
        ("{<<: *a, <<: *b}", json!({"x": 2, "y": 1, "z": 2})),
        ("{<<: [*a, *b]}", json!({"x": 1, "y": 1, "z": 2})),
        ("{x: 0, <<: *a}", json!({"x": 0, "y": 1})),
        ("{<<: {q: 1}, x: 0}", json!({"q": 1, "x": 0})),
        ("{!!str <<: *a}", json!({"<<": {"x": 1, "y": 1}})),
    ] {
        let value = json_of(&format!("{bases}c: {mapping}\n"), Schema::Yaml11, &Environment::default());
        assert_eq!(value["c"], expected, "{mapping}");
    }
    let ordered = json_of(&format!("{bases}c: {{w: 0, <<: *a}}\n"), Schema::Yaml11, &Environment::default());
    assert_eq!(ordered["c"].to_string(), r#"{"x":1,"y":1,"w":0}"#);
    for mapping in ["{<<: 1}", "{<<: }", "{<<: [*a, 1]}", "{<<: [[*a]]}", "{<<: x}"] {
        let (_, codes) = loaded(&format!("{bases}c: {mapping}\n"), &Environment::default());
        assert!(matches!(codes[..], [(Code::WrongType, 3, _)]), "{mapping}: {codes:?}");
    }
}

#[test]
fn syntax_errors_point_at_the_value_that_needs_quotes() {
    for (text, column, quoted) in [
        ("with: {input: ${NOPE}}\n", 15, "\"${NOPE}\""),
        ("with: {input: ${{ ENV.X }}, a: b}\n", 15, "\"${{ ENV.X }}\""),
        ("with: [x, pre/${X}/post]\n", 11, "\"pre/${X}/post\""),
        ("a: @x\n", 4, "\"@x\""),
        ("a: `x`\n", 4, "\"`x`\""),
        ("a: %x\n", 4, "\"%x\""),
        ("a: *.gif\n", 4, "\"*.gif\""),
        ("{a: @x, b: 1}\n", 5, "\"@x\""),
        ("a: [x] y\n", 4, "\"[x] y\""),
        ("a: b: c\n", 4, "\"b: c\""),
        ("a: {root.x}/y\nb: 1\n", 4, "\"{root.x}/y\""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flow.yml");
        let (mut sources, mut report) = (Sources::default(), Report::default());
        assert!(
            load_text(&path, text, &Environment::default(), &mut sources, &mut report).is_none(),
            "{text}"
        );
        let [diagnostic] = report.sorted()[..] else { panic!("{text}") };
        let position = sources.position(diagnostic.span().unwrap());
        assert_eq!((position.line, position.column), (1, column), "{text}");
        assert!(diagnostic.help.iter().any(|help| help.contains(quoted)), "{text}: {:?}", diagnostic.help);
    }
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
    assert_eq!(other.to_json(Schema::Yaml12, &mut Report::default()), json!({"b": 3, "a": 1}));
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
