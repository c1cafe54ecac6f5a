//! The rankers as executors: input, output, and failures of single documents.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use flowrun_rank::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    Answer, BoxedExecutor, Catalog, Context, Document, Endpoints, NamedScore, Order, Ranking, Value,
};
use serde_json::json;

fn open(name: &str, with: &Value) -> ExecutorHarness {
    let catalog = Catalog::new([EXECUTORS]);
    ExecutorHarness::new(catalog.get(name).unwrap(), with, Context::standalone(".")).unwrap()
}

/// Parameters without a default.
fn required_parameters(name: &str) -> Value {
    if name == "SimpleAggregateRanker" { json!({"aggregate_function": "min"}) } else { Value::Null }
}

fn open_error(name: &str, with: &Value) -> String {
    let catalog = Catalog::new([EXECUTORS]);
    ExecutorHarness::new(catalog.get(name).unwrap(), with, Context::standalone("."))
        .err()
        .unwrap()
        .to_string()
}

fn search(name: &str, queries: Vec<Document>) -> Answer {
    open(name, &Value::Null).call("/search", queries, &Value::Null).unwrap()
}

/// A matched chunk of `document` at this distance.
fn found(document: &str, chunk: u32, distance: f32) -> Document {
    let mut found = Document::new(document).new_chunk(chunk).with_tag("siblings", 2);
    found.scores.insert("euclidean".to_owned(), NamedScore::new(distance, "Indexer"));
    found.scores.insert("other".to_owned(), NamedScore::new(-1.0, "Indexer"));
    found
}

/// A query whose chunks have these matches.
fn query(id: &str, matches: Vec<Vec<Document>>) -> Document {
    let mut query = Document::new(id).with_uri(format!("{id}.gif"));
    let chunk = |(number, matches): (usize, Vec<Document>)| Document {
        matches: matches.into(),
        ..query.new_chunk(number)
    };
    query.chunks = matches.into_iter().enumerate().map(chunk).collect();
    query
}

fn scores<'a>(document: &'a Document, name: &str) -> Vec<(&'a str, f32)> {
    document.matches.iter().map(|found| (found.id.as_str(), found.scores.get(name).unwrap().value)).collect()
}

#[test]
fn rankers_handle_search_only_and_rank_in_descending_order() {
    for executor_type in EXECUTORS {
        let executor = open(executor_type.name, &required_parameters(executor_type.name));
        let instance = executor.instance();
        assert_eq!(instance.endpoints, Endpoints::only(["/search"]), "{}", executor_type.name);
        assert_eq!(instance.ranking, Some(Ranking { order: Order::Descending, top_k: usize::MAX }));
        assert!(matches!(instance.executor, BoxedExecutor::Sync(_)));
    }
}

#[test]
fn each_document_with_a_hit_becomes_one_match() {
    let mut query = query("q", vec![vec![found("b", 0, 0.25), found("a", 0, 3.0)], vec![found("a", 1, 1.0)]]);
    query.granularity = 1;
    query.adjacency = 2;
    query.matches = [Document::new("stale")].into_iter().collect();
    let answer = search("MinRanker", vec![query]);
    let document = &answer.documents[0];
    assert_eq!(scores(document, "MinRanker"), [("b", 0.8), ("a", 0.5)]);
    assert!(document.chunks.is_empty());

    let mut expected = Document::new("b");
    (expected.granularity, expected.adjacency) = (1, 3);
    expected.scores.insert("MinRanker".to_owned(), NamedScore::new(0.8, "MinRanker"));
    assert_eq!(document.matches[0], expected);
}

#[test]
fn ties_are_ordered_by_id() {
    let matches = ["clip10", "clip9", "b"].map(|document| found(document, 0, 1.0));
    let answer = search("MaxRanker", vec![query("q", vec![matches.to_vec()])]);
    let ids: Vec<&str> = answer.documents[0].matches.iter().map(|found| found.id.as_str()).collect();
    assert_eq!(ids, ["b", "clip10", "clip9"]);
}

#[test]
fn bi_match_scores_half_for_half_coverage() {
    let answer = search("BiMatchRanker", vec![query("q", vec![vec![found("a", 0, 0.0)], vec![]])]);
    assert_eq!(scores(&answer.documents[0], "BiMatchRanker"), [("a", 0.5)]);
    let mut cheap = open("BiMatchRanker", &json!({"d_miss": 4}));
    let queries = vec![query("q", vec![vec![found("a", 0, 1.0)], vec![found("a", 1, 2.0)]])];
    let answer = cheap.call("/search", queries, &Value::Null).unwrap();
    assert_eq!(scores(&answer.documents[0], "BiMatchRanker"), [("a", 0.625)]);
}

#[test]
fn the_larger_sibling_count_wins_if_copies_disagree() {
    let score = |order: [u32; 2]| {
        let matches = order.map(|siblings| vec![found("a", 0, 0.0).with_tag("siblings", siblings)]);
        let answer = search("BiMatchRanker", vec![query("q", matches.to_vec())]);
        scores(&answer.documents[0], "BiMatchRanker")[0].1
    };
    assert_eq!((score([1, 4]), score([4, 1])), (0.625, 0.625));
}

#[test]
fn the_request_limits_the_number_of_documents() {
    let matches = || vec![["a", "b", "c"].map(|document| found(document, 0, 1.0)).to_vec()];
    let mut executor = open("MinRanker", &Value::Null);
    let mut left = |parameters: &Value| {
        let answer = executor.call("/search", vec![query("q", matches())], parameters).unwrap();
        answer.documents[0].matches.len()
    };
    assert_eq!((left(&Value::Null), left(&json!({"top_k": 2})), left(&json!({"limit": 0}))), (3, 2, 0));
}

#[test]
fn keep_chunks_keeps_the_chunks_of_the_query() {
    let mut executor = open("MinRanker", &json!({"keep_chunks": true}));
    let before = query("q", vec![vec![found("a", 0, 1.0)]]);
    let answer = executor.call("/search", vec![before.clone()], &Value::Null).unwrap();
    assert_eq!(answer.documents[0].chunks, before.chunks);
}

#[test]
fn a_query_without_hits_has_no_matches() {
    for executor_type in EXECUTORS {
        let with = required_parameters(executor_type.name);
        let queries = vec![query("empty", vec![vec![], vec![]]), query("bare", vec![])];
        let answer = open(executor_type.name, &with).call("/search", queries, &Value::Null).unwrap();
        assert_eq!((answer.documents.len(), answer.failures.len()), (2, 0), "{}", executor_type.name);
        assert!(answer.documents.iter().all(|document| document.matches.is_empty()));
    }
}

/// Makes a match invalid.
type Spoil = fn(&mut Document);

/// The only failure of a batch of three queries, where the second one has an invalid match.
fn failure(ranker: &str, spoil: impl FnOnce(&mut Document)) -> String {
    let mut spoilt = found("a", 1, 1.0);
    spoil(&mut spoilt);
    let good = |id| query(id, vec![vec![found("a", 0, 1.0)]]);
    let answer = search(ranker, vec![good("x"), query("bad", vec![vec![], vec![spoilt]]), good("z")]);
    let ids: Vec<&str> = answer.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!((ids, answer.failures.len()), (vec!["x", "z"], 1));
    assert_eq!((answer.failures[0].id.as_str(), answer.failures[0].label.as_str()), ("bad", "bad.gif"));
    answer.failures[0].error.to_string()
}

#[test]
fn a_query_with_an_invalid_match_fails_and_the_error_names_match_and_chunk() {
    let cases: [(Spoil, &str); 6] = [
        (|found| found.scores.clear(), "has no score"),
        (|found| found.scores[0].value = f32::NAN, "has the score NaN, which cannot be ranked"),
        (|found| found.parent_id.clear(), "has no `parent_id`, which names its document"),
        (|found| found.tags_mut().clear(), "has no tag `siblings`, the number of chunks of its document"),
        (
            |found| *found = found.clone().with_tag("siblings", 0),
            "has the tag `siblings` 0, which is not an integer ≥ 1",
        ),
        (
            |found| *found = found.clone().with_tag("siblings", "few"),
            "has the tag `siblings` \"few\", which is not an integer ≥ 1",
        ),
    ];
    for (spoil, reason) in cases {
        assert_eq!(failure("BiMatchRanker", spoil), format!("match `a#1` of chunk `bad#1` {reason}"));
    }
}

#[test]
fn rankers_that_do_not_use_siblings_work_without_the_tag() {
    let mut lone = found("a", 0, 3.0);
    lone.tags_mut().clear();
    let answer = search("MinRanker", vec![query("q", vec![vec![lone]])]);
    assert_eq!(scores(&answer.documents[0], "MinRanker"), [("a", 0.25)]);
}

#[test]
fn a_score_that_is_not_finite_fails_only_its_query() {
    let mut executor = open("SimpleAggregateRanker", &json!({"aggregate_function": "sum"}));
    let queries =
        [1.0, f32::MAX].map(|score| query("q", vec![vec![found("a", 0, score), found("a", 1, score)]]));
    let answer = executor.call("/search", queries.to_vec(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.failures.len()), (1, 1));
    assert_eq!(answer.failures[0].error.to_string(), "the score of document `a` is inf, which is not finite");
}

#[test]
fn rankers_of_distances_reject_negative_scores_with_a_remedy() {
    let reason = "match `a#1` of chunk `bad#1` has the score -0.5, which is not a distance; index and search with \
        `metric: cosine` or `euclidean`, since `metric: inner_product` gives negative scores, or, if larger scores are \
        better, ";
    let error = failure("MinRanker", |found| found.scores[0].value = -0.5);
    assert_eq!(error, format!("{reason}use `MaxRanker`"));

    let scores = |value| vec![query("bad", vec![vec![], vec![found("a", 1, value)]])];
    let mut inverse =
        open("SimpleAggregateRanker", &json!({"aggregate_function": "sum", "inverse_score": true}));
    let answer = inverse.call("/search", scores(-0.5), &Value::Null).unwrap();
    assert_eq!(answer.failures[0].error.to_string(), format!("{reason}leave out `inverse_score`"));
    let answer = inverse.call("/search", scores(-0.0), &Value::Null).unwrap();
    assert_eq!(answer.failures, []);
}

#[test]
fn other_rankers_accept_negative_scores() {
    for name in ["MaxRanker", "BiMatchRanker", "SimpleAggregateRanker"] {
        let matches = vec![vec![found("a", 0, -3.0), found("b", 0, -2.0)]];
        let answer = open(name, &required_parameters(name))
            .call("/search", vec![query("q", matches)], &Value::Null)
            .unwrap();
        let best = if name == "BiMatchRanker" { "a" } else { "b" };
        assert_eq!(answer.documents[0].matches[0].id, best, "{name}");
    }
}

#[test]
fn the_adjacency_of_matches_saturates() {
    let mut query = query("q", vec![vec![found("a", 0, 1.0)]]);
    query.adjacency = u32::MAX;
    assert_eq!(search("MinRanker", vec![query]).documents[0].matches[0].adjacency, u32::MAX);
}

#[test]
fn parameters_out_of_range_are_rejected() {
    assert_eq!(open_error("BiMatchRanker", &json!({"d_miss": 0})), "`d_miss`: must be more than 0, but is 0");
    assert_eq!(open_error("BM25Ranker", &json!({"k": -1})), "`k`: must be at least 0, but is -1");
    assert_eq!(open_error("BM25Ranker", &json!({"b": 1.5})), "`b`: must be from 0 to 1, but is 1.5");
    assert_eq!(
        open_error("SimpleAggregateRanker", &Value::Null),
        "parameter `aggregate_function` is required"
    );
}
