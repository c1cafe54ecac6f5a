//! `/search`: the nearest stored documents of each query document, among those that match the filters of the request and of the
//! document.

use std::collections::BTreeMap;

use flowrun_sdk::filter::{Filter, set_relaxation};
use flowrun_sdk::{AccessPaths, Call, Document, Documents, ExecutorError, NamedScore};

use super::TOP_K_MAX;
use super::executor::VectorIndexer;
use crate::ann::Tuning;
use crate::document_filter::DocumentFilter;
use crate::embedding;
use crate::metric::Query;
use crate::shard::{AnswerBudget, Match, RERANK_MAX, SearchParams};

/// Maximum number of different filters that the documents of a request may bring: each is a search of its own.
const DIFFERENT_FILTERS_MAX: usize = 256;

/// Target of a query document.
enum Target {
    Vector(Query),
    /// Without an embedding, the documents that match its filter.
    Filter,
}

/// The queries of a call.
#[derive(Default)]
struct Queries {
    targets: Vec<Target>,
    /// Number of queries of each root.
    per_root: Vec<usize>,
    /// Queries with the same filter of their own, by its text, and those without one.
    groups: BTreeMap<String, Group>,
}

#[derive(Default)]
struct Group {
    filter: Option<DocumentFilter>,
    queries: Vec<usize>,
}

/// Answer to one query.
#[derive(Default)]
struct Answer {
    found: Vec<Found>,
    /// Number of filters that matched nothing, and the conditions that were dropped therefore.
    step: usize,
    without: Vec<flowrun_sdk::Value>,
}

/// A stored document, with its distance if it was found by its vector.
type Found = (Option<f32>, Document);

/// Parameters of one `/search`.
struct Search {
    filter: Option<Filter>,
    top_k: usize,
    max_distance: f64,
    tuning: Tuning,
}

impl VectorIndexer {
    /// `/search`: sets the matches of each query document. Queries with the same filter run as one batch.
    pub(super) fn search(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.handlers.columns.filter(call.parameters())?;
        let top_k = call.top_k(self.top_k)?;
        if top_k > TOP_K_MAX {
            return Err(ExecutorError::parameter(
                "top_k",
                format_args!("{top_k} is more than the {TOP_K_MAX} allowed"),
            ));
        }
        let requested = call.parameter::<Option<f64>>("max_distance")?.flatten();
        let max_distance = requested.or(self.max_distance).unwrap_or(f64::INFINITY);
        let search = Search { filter, top_k, max_distance, tuning: request_tuning(call)? };
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let queries = self.queries(call, &paths)?;
        let answers = self.answers(call, &search, &queries)?;
        self.set_matches(call, &paths, queries.per_root, answers)
    }

    /// The query vectors, and their number per root. A root with an unusable vector or filter fails and has no queries.
    /// Existing matches are removed, so that the paths visit the same documents when answers are assigned.
    fn queries(&self, call: &mut Call<'_>, paths: &AccessPaths) -> Result<Queries, ExecutorError> {
        let dimension = self.handlers.shard.dimension();
        let mut queries = Queries::default();
        call.for_each(&AccessPaths::roots(), |root| {
            let (filter, key) = self.document_filter(root)?;
            let different = queries.groups.values().filter(|group| group.filter.is_some()).count();
            if filter.is_some() && different >= DIFFERENT_FILTERS_MAX && !queries.groups.contains_key(&key) {
                return Err(ExecutorError::input(format_args!(
                    "documents before it have {DIFFERENT_FILTERS_MAX} different filters (`filter_tag`), the most that one \
                     request may have: send fewer documents in a request (`request_size`)"
                )));
            }
            let before = queries.targets.len();
            let read = paths.visit_mut(root, &mut |document| {
                let target = match &document.embedding {
                    None if filter.is_some() => Target::Filter,
                    _ => Target::Vector(Query::new(embedding::vector(document, self.metric, dimension)?)),
                };
                queries.targets.push(target);
                document.matches = Documents::new();
                Ok(())
            });
            match read {
                Ok(()) => {
                    let after = queries.targets.len();
                    queries.per_root.push(after - before);
                    let group = queries.groups.entry(key).or_default();
                    group.filter = filter;
                    group.queries.extend(before..after);
                }
                Err(_) => queries.targets.truncate(before),
            }
            read
        })?;
        Ok(queries)
    }

    /// The filter that a root brings in its tag, and its text.
    fn document_filter(&self, root: &Document) -> Result<(Option<DocumentFilter>, String), ExecutorError> {
        let Some(tag) = &self.filter_tag else { return Ok((None, String::new())) };
        let filter = DocumentFilter::of_document(root, tag, &self.handlers.columns)?;
        let text = filter.is_some().then(|| root.tags.get(tag).map(ToString::to_string)).flatten();
        Ok((filter, text.unwrap_or_default()))
    }

    /// Answers all queries, group by group.
    fn answers(
        &self,
        call: &mut Call<'_>,
        search: &Search,
        queries: &Queries,
    ) -> Result<Vec<Answer>, ExecutorError> {
        let mut answers: Vec<Answer> = Vec::new();
        answers.resize_with(queries.targets.len(), Answer::default);
        let mut budget = AnswerBudget::default();
        for group in queries.groups.values() {
            let own = group.filter.as_ref();
            let mut open = group.queries.clone();
            for step in 0..own.map_or(1, |own| own.steps.len()) {
                let own_step = own.and_then(|own| own.steps.get(step));
                let filter = combined(search.filter.as_ref(), own_step.map(|step| &step.filter));
                let found = self.find(call, search, filter.as_ref(), &open, queries)?;
                let is_empty = found.iter().all(Vec::is_empty);
                if step == 0 {
                    self.handlers.note_unknown_names(call, filter.as_ref(), is_empty)?;
                }
                for (query, found) in std::mem::take(&mut open).into_iter().zip(found) {
                    found.iter().try_for_each(|(_, document)| budget.charge(document))?;
                    match answers.get_mut(query) {
                        Some(answer) if !found.is_empty() => {
                            *answer = Answer {
                                found,
                                step,
                                without: own.map_or_else(Vec::new, |own| own.without(step)),
                            };
                        }
                        _ => open.push(query),
                    }
                }
                if open.is_empty() {
                    break;
                }
            }
            // Another shard may have found something at an earlier step.
            for query in open {
                if let (Some(answer), Some(own)) =
                    (answers.get_mut(query), own.filter(|own| own.steps.len() > 1))
                {
                    (answer.step, answer.without) = (own.steps.len(), own.without(own.steps.len()));
                }
            }
        }
        Ok(answers)
    }

    /// Searches for the given queries with one filter.
    fn find(
        &self,
        call: &Call<'_>,
        search: &Search,
        filter: Option<&Filter>,
        numbers: &[usize],
        queries: &Queries,
    ) -> Result<Vec<Vec<Found>>, ExecutorError> {
        let targets = || numbers.iter().filter_map(|number| queries.targets.get(*number));
        let vectors: Vec<Query> = targets()
            .filter_map(|target| match target {
                Target::Vector(query) => Some(query.clone()),
                Target::Filter => None,
            })
            .collect();
        let check = || call.check();
        let params = SearchParams { k: search.top_k, filter, tuning: search.tuning };
        let nearest = match vectors.is_empty() {
            true => Vec::new(),
            false => self.handlers.shard.search(&vectors, &params, &check)?,
        };
        let mut nearest = nearest.into_iter();
        let is_near = |found: &Match| f64::from(found.distance) <= search.max_distance;
        let found = targets().map(|target| match target {
            Target::Vector(_) => {
                let found = nearest.next().unwrap_or_default().into_iter().filter(is_near);
                Ok(found.map(|found| (Some(found.distance), found.document)).collect())
            }
            Target::Filter => {
                let all = Filter::MATCH_ALL;
                let filter = filter.unwrap_or(&all);
                let listed =
                    self.handlers.shard.read_transaction().list(filter, None, search.top_k, &check)?;
                Ok(listed.into_iter().map(|document| (None, document)).collect())
            }
        });
        found.collect()
    }

    /// Converts answers to matches of the query documents.
    fn set_matches(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
        per_root: Vec<usize>,
        answers: Vec<Answer>,
    ) -> Result<(), ExecutorError> {
        let (mut answers, mut per_root) = (answers.into_iter(), per_root.into_iter());
        call.for_each(&AccessPaths::roots(), |root| {
            let mut answers = answers.by_ref().take(per_root.next().unwrap_or(0));
            paths.visit_mut(root, &mut |document| {
                // A path may also visit the matches that were set in this loop; they are not queries.
                if let Some(answer) = answers.next() {
                    document.matches = self.matches(document, answer.found);
                    if self.filter_tag.is_some() {
                        set_relaxation(document, answer.step, answer.without);
                    }
                }
                Ok(())
            })
        })
    }

    /// The matches of the document `query`.
    fn matches(&self, query: &Document, found: Vec<Found>) -> Documents {
        let matched = |(distance, document): Found| {
            let score = distance.map(|distance| {
                let score = NamedScore { ref_id: query.id.clone(), ..NamedScore::new(distance, self.name) };
                (self.metric.name().to_owned(), score)
            });
            Document {
                adjacency: query.adjacency.saturating_add(1),
                scores: score.into_iter().collect(),
                ..document
            }
        };
        found.into_iter().map(matched).collect()
    }
}

/// A filter that matches what both match; `None` if that is everything.
fn combined(request: Option<&Filter>, own: Option<&Filter>) -> Option<Filter> {
    let own = own.filter(|own| **own != Filter::MATCH_ALL);
    match (request, own) {
        (Some(request), Some(own)) => Some(Filter::All(vec![request.clone(), own.clone()])),
        (request, own) => request.or(own).cloned(),
    }
}

/// Tuning parameters of the request. Those that do not apply to the current index type have no effect.
fn request_tuning(call: &Call<'_>) -> Result<Tuning, ExecutorError> {
    let number = |name| {
        let number = call.parameter::<Option<usize>>(name)?.flatten();
        match number {
            Some(number) if !(1..=RERANK_MAX).contains(&number) => {
                let reason = format_args!("must be from 1 to {RERANK_MAX}, but is {number}");
                Err(ExecutorError::parameter(name, reason))
            }
            number => Ok(number),
        }
    };
    Ok(Tuning {
        n_probe: number("n_probe")?,
        ef_search: number("ef_search")?,
        rerank: number("rerank")?,
        ef_construction: None,
    })
}
