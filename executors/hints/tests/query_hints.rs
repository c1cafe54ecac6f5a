//! `QueryHints`: the filters of written queries, and of any text.
//!
//! `queries.jsonl` has queries with the conditions that they mean, and traps, which mean none; `held_out.jsonl` has queries that
//! were written after the rules.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the queries that fail, and how many, are the result")]

use flowrun_sdk::filter::Filter;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use proptest::prelude::*;
use serde_json::json;

fn harness(with: &Value) -> ExecutorHarness {
    ExecutorHarness::new(&flowrun_hints::EXECUTORS[0], with, Context::standalone(".")).unwrap()
}

/// Everything is understood.
fn settings() -> Value {
    json!({
        "date_tag": "date",
        "hour_tag": "hour",
        "today": "2024-06-15",
        "vocabulary": {"objects": {
            "car": ["automobile", "vehicle"],
            "dog": ["puppy"],
            "cat": ["kitten"],
            "horse": [],
            "boat": ["ship", "sailing boat"],
            "train": null,
            "bicycle": ["bike"],
            "people": ["person", "man", "woman", "crowd"],
        }},
    })
}

fn read(harness: &mut ExecutorHarness, text: &str) -> Document {
    let document = Document::new("q").with_text(text);
    let answer = harness.call("/search", vec![document], &Value::Null).unwrap();
    answer.documents[0].clone()
}

fn conditions(document: &Document) -> Vec<String> {
    let conditions = document.tags.get("filter").and_then(Value::as_array);
    conditions.into_iter().flatten().map(|condition| condition.as_str().unwrap().to_owned()).collect()
}

/// The parts of a filter that all have to hold, sorted, without nesting that has no effect.
fn parts(filter: &Filter) -> Vec<String> {
    let mut parts = match filter {
        Filter::All(filters) => filters.iter().flat_map(parts).collect(),
        Filter::Any(filters) => {
            let mut filters: Vec<String> = filters.iter().map(normal).collect();
            filters.sort();
            vec![format!("any({})", filters.join(" | "))]
        }
        Filter::Not(filter) => vec![format!("not({})", normal(filter))],
        Filter::Field { name, test } => vec![format!("{name} {test:?}")],
    };
    parts.sort();
    parts
}

fn normal(filter: &Filter) -> String {
    parts(filter).join(" & ")
}

fn parsed(conditions: &[String]) -> String {
    let filters = conditions.iter().map(|text| Filter::parse(&json!(text), &|_, _| Ok(())).unwrap());
    normal(&Filter::All(filters.collect()))
}

/// Numbers of queries, and of queries with an unexpected filter, for queries and for traps.
fn wrong(file: &str) -> [(usize, usize); 2] {
    let mut harness = harness(&settings());
    let mut counts = [(0, 0); 2];
    for line in file.lines() {
        let query: Value = serde_json::from_str(line).unwrap();
        let text = query["text"].as_str().unwrap();
        let expected: Vec<String> =
            query["filter"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().into()).collect();
        let found = conditions(&read(&mut harness, text));
        let (all, wrong) = &mut counts[usize::from(query["trap"] == true)];
        *all += 1;
        if parsed(&found) != parsed(&expected) {
            *wrong += 1;
            println!("{text}\n    expected {expected:?}\n    found    {found:?}");
        }
    }
    counts
}

#[test]
fn written_queries_give_the_filters_that_they_mean_and_traps_give_none() {
    let [(queries, wrong_queries), (traps, wrong_traps)] = wrong(include_str!("queries.jsonl"));
    println!("{wrong_queries} of {queries} queries and {wrong_traps} of {traps} traps are wrong");
    assert!(queries >= 150 && traps >= 30);
    assert!(wrong_queries * 20 <= queries && wrong_traps == 0);
}

proptest! {
    #[test]
    fn any_text_is_read_and_gives_filters_that_an_index_parses(text in "\\PC{0,200}") {
        let mut harness = harness(&settings());
        let found = conditions(&read(&mut harness, &text));
        prop_assert!(found.len() <= 8);
        parsed(&found);
    }

    #[test]
    fn words_of_hints_in_any_order_give_filters_that_an_index_parses(
        words in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 0..40),
        separator in proptest::sample::select(vec![" ", "", "-", ", ", "\u{a0}"]),
    ) {
        let mut harness = harness(&settings());
        let text = words.join(separator);
        let document = read(&mut harness, &text);
        prop_assert_eq!(document.text.as_deref(), Some(text.as_str()));
        let found = conditions(&document);
        prop_assert!(found.len() <= 8);
        parsed(&found);
    }
}

const WORDS: [&str; 60] = [
    "after",
    "before",
    "between",
    "from",
    "to",
    "and",
    "or",
    "not",
    "no",
    "without",
    "first",
    "the",
    "minute",
    "minutes",
    "scene",
    "scenes",
    "5",
    "10",
    "7:05",
    "1:02:03",
    "99:99",
    "2024",
    "2024-03-05",
    "2024-99-99",
    "march",
    "May",
    "seven",
    "twenty",
    "half",
    "an",
    "hour",
    "in",
    "at",
    "night",
    "on",
    "red",
    "blue",
    "car",
    "dogs",
    "people",
    "is",
    ",",
    ".",
    "\"",
    "'",
    "’",
    "st",
    "pm",
    "a.m.",
    "last",
    "week",
    "yesterday",
    "day",
    "days",
    "ago",
    "99999999999999999999999",
    "é",
    "日本",
    "#",
    "mark",
];

#[test]
fn only_the_first_words_of_a_long_text_are_read() {
    let mut harness = harness(&settings());
    for (text, hints) in [
        ("after 5 minutes or ".repeat(200_000), 0),
        ("a red or ".repeat(300_000), 0),
        ("red ".repeat(300_000), 1),
        ("not ".repeat(500_000), 0),
        ("x".repeat(8 << 20), 0),
        (format!("the dogs {} scene 3", "x ".repeat(505)), 2),
        (format!("the dogs {} scene 3", "x ".repeat(600)), 1),
    ] {
        assert_eq!(conditions(&read(&mut harness, &text)).len(), hints, "{}", &text[..20]);
    }
}

#[test]
fn the_text_is_unchanged_and_the_reply_reports_what_was_understood() {
    let mut harness = harness(&settings());
    let text = "A red car after 7:05, not at night";
    let document = read(&mut harness, text);
    assert_eq!(document.text.as_deref(), Some(text));
    let expected = json!({
        "filter": ["timestamp > 425", "time_of_day != \"night\"", "objects == \"car\"", "colours == \"red\""],
        "hints": [
            {"text": "after 7:05", "filter": "timestamp > 425"},
            {"text": "not at night", "filter": "time_of_day != \"night\""},
            {"text": "car", "filter": "objects == \"car\""},
            {"text": "red", "filter": "colours == \"red\""},
        ],
    });
    assert_eq!(json!(*document.tags), expected);
}

#[test]
fn documents_without_hints_and_those_with_a_filter_are_unchanged() {
    let mut harness = harness(&settings());
    let documents = vec![
        Document::new("a"),
        Document::new("b").with_text("5 people"),
        Document::new("c").with_text("scene 3").with_tag("filter", "n == 1"),
    ];
    let answer = harness.call("/search", documents.clone(), &Value::Null).unwrap();
    assert_eq!(answer.documents.into_vec(), documents);
}

#[test]
fn without_relaxation_the_filter_is_one_expression() {
    let with = json!({"relax": false, "tag": "own", "scene_tag": "scene no", "time_tag": null});
    let document = read(&mut harness(&with), "scene 3 or 4 after 7:05 by night");
    let expected = json!("(`scene no` in [3, 4]) and (time_of_day == \"night\")");
    assert_eq!(document.tags["own"], expected);
    let filter = Filter::parse(&expected, &|_, _| Ok(())).unwrap();
    assert!(filter.matches(&Document::new("x").with_tag("scene no", 4).with_tag("time_of_day", "night")));
}

#[test]
fn tags_of_the_vocabulary_replace_and_remove_built_in_ones() {
    let with = json!({"vocabulary": {"colours": {"rot": ["red"]}, "time_of_day": null, "animals": ["fox", "polar bear"]}});
    let mut harness = harness(&with);
    for (text, expected) in [
        ("a red fox at night", vec!["animals == \"fox\"", "colours == \"rot\""]),
        ("polar bears or foxes", vec!["animals in [\"polar bear\", \"fox\"]"]),
        ("a blue background in daylight", vec![]),
    ] {
        assert_eq!(conditions(&read(&mut harness, text)), expected, "{text}");
    }
}

#[test]
fn a_wrong_vocabulary_is_an_error_that_names_the_tag_and_the_word() {
    let error = |with: Value| match ExecutorHarness::new(
        &flowrun_hints::EXECUTORS[0],
        &with,
        Context::standalone("."),
    ) {
        Ok(_) => panic!("{with} was accepted"),
        Err(error) => error.to_string(),
    };
    for (vocabulary, expected) in [
        (json!(5), "`vocabulary`"),
        (json!({"objects": 5}), "`objects` must be a list of values, or a mapping from values to synonyms"),
        (json!({"objects": [1]}), "`objects` has 1 where a text must be"),
        (json!({"objects": {"car": [true]}}), "`objects` has true where a text must be"),
        (json!({"objects": ["a-b"]}), "`objects` has `a-b`, which is not from 1 to 6 words of letters"),
        (json!({"objects": [""]}), "`objects` has ``"),
        (json!({"": ["a"]}), "must be the name of a tag"),
    ] {
        let error = error(json!({"vocabulary": vocabulary}));
        assert!(error.contains(expected), "{error}");
    }
    assert!(error(json!({"today": "yesterday"})).contains("a day such as 2024-06-15"));
    assert!(error(json!({"time_tag": "a`b"})).contains("`time_tag`"));
}

#[test]
fn queries_that_were_written_after_the_rules_give_their_filters_mostly() {
    let [(queries, wrong_queries), (traps, wrong_traps)] = wrong(include_str!("held_out.jsonl"));
    println!("{wrong_queries} of {queries} queries and {wrong_traps} of {traps} traps are wrong");
    assert!(wrong_queries * 10 <= queries && wrong_traps <= 2);
}
