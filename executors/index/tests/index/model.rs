//! Model test: after any sequence of calls and reopenings, an executor holds the documents of a plain map.

use std::collections::BTreeMap;

use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, matches_of, open};

#[derive(Clone, Debug)]
enum Step {
    /// Clips with their frames: number of the clip, one vector element per frame.
    Index(Vec<(u8, Vec<u8>)>),
    Update(Vec<(u8, Vec<u8>)>),
    /// Clips, or single frames of them.
    Delete(Vec<(u8, Option<u8>)>),
    Clear,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let clips = || proptest::collection::vec((0..6_u8, proptest::collection::vec(0..50_u8, 0..4)), 0..4);
    let deleted = proptest::collection::vec((0..6_u8, proptest::option::of(0..4_u8)), 0..4);
    let step = prop_oneof![
        6 => clips().prop_map(Step::Index),
        2 => clips().prop_map(Step::Update),
        3 => deleted.prop_map(Step::Delete),
        1 => Just(Step::Clear),
        2 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..12)
}

fn clip_id(clip: u8) -> String {
    format!("clip {clip}")
}

fn frame_id(clip: u8, frame: usize) -> String {
    format!("clip {clip}#{frame}")
}

fn documents(clips: &[(u8, Vec<u8>)]) -> Vec<Document> {
    let document = |(clip, frames): &(u8, Vec<u8>)| {
        let mut document = Document::new(clip_id(*clip));
        let frame = |(number, element): (usize, &u8)| {
            document
                .new_chunk(number)
                .with_embedding(vec![f32::from(*element), 1.0])
                .with_text(element.to_string())
        };
        document.chunks = frames.iter().enumerate().map(frame).collect();
        document
    };
    clips.iter().map(document).collect()
}

/// Frames by id.
#[derive(Debug, Default)]
struct Model(BTreeMap<String, u8>);

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Index(clips) => {
                for (clip, frames) in clips {
                    self.remove(*clip);
                    self.0.extend(frames.iter().enumerate().map(|(number, e)| (frame_id(*clip, number), *e)));
                }
            }
            Step::Update(clips) => {
                for (clip, frames) in clips {
                    for (number, element) in frames.iter().enumerate() {
                        self.0.entry(frame_id(*clip, number)).and_modify(|stored| *stored = *element);
                    }
                }
            }
            Step::Delete(deleted) => {
                for (clip, frame) in deleted {
                    match frame {
                        Some(frame) => drop(self.0.remove(&frame_id(*clip, usize::from(*frame)))),
                        None => self.remove(*clip),
                    }
                }
            }
            Step::Clear => self.0.clear(),
            Step::Reopen => {}
        }
    }

    fn remove(&mut self, clip: u8) {
        self.0.retain(|id, _| !id.starts_with(&frame_id(clip, 0)[..7]));
    }

    /// The expected matches of a query at zero: frames in the order of (element, id).
    fn ranked(&self) -> Vec<(String, f32)> {
        let mut ranked: Vec<(String, f32)> =
            self.0.iter().map(|(id, element)| (id.clone(), f32::from(*element))).collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        ranked
    }
}

/// Executes a step. Updates and deletes of missing documents must have no effect.
fn execute(executor: &mut ExecutorHarness, step: &Step) {
    match step {
        Step::Index(clips) => drop(call(executor, "/index", documents(clips))),
        Step::Update(clips) => drop(call(executor, "/update", documents(clips))),
        Step::Delete(deleted) => {
            let id = |(clip, frame): &(u8, Option<u8>)| match frame {
                Some(frame) => frame_id(*clip, usize::from(*frame)),
                None => clip_id(*clip),
            };
            let ids: Vec<String> = deleted.iter().map(id).collect();
            call_with(executor, "/delete", NO_DOCUMENTS, json!({"ids": ids})).unwrap();
        }
        Step::Clear => drop(call(executor, "/clear", NO_DOCUMENTS)),
        Step::Reopen => {}
    }
}

/// Executes the steps and calls `check` after each.
fn run(name: &str, with: &Value, steps: &[Step], mut check: impl FnMut(&mut ExecutorHarness, &Model)) {
    let directory = directory();
    let reopen = || open(directory.path(), name, with);
    let mut model = Model::default();
    let mut executor = Some(reopen());
    for step in steps {
        if let Step::Reopen = step {
            // The directory lock must be released before the executor is opened again.
            drop(executor.take());
        }
        let executor = executor.get_or_insert_with(reopen);
        execute(executor, step);
        model.apply(step);
        check(executor, &model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_vector_index_equals_a_map_of_documents(steps in steps()) {
        for index in ["Flat", "HNSW8"] {
            let with = json!({"metric": "euclidean", "access_paths": "@c", "index": index, "fsync": "never"});
            run("VectorIndexer", &with, &steps, |executor, model| {
                let query = vec![Document::new("q").with_embedding(vec![0.0, 1.0])];
                let parameters = json!({"access_paths": "@r", "top_k": 100});
                let answer = call_with(executor, "/search", query, parameters).unwrap();
                assert_eq!(matches_of(&answer.documents[0]), model.ranked());
                for frame in answer.documents[0].matches.iter() {
                    assert_eq!(frame.text, Some(model.0[&frame.id].to_string().into()));
                }
                let status = call(executor, "/status", NO_DOCUMENTS).results;
                let count = json!(model.0.len());
                assert_eq!((&status["documents"], &status["vectors"]), (&count, &count));
            });
        }
    }

    #[test]
    fn a_document_store_equals_a_map_of_documents(steps in steps()) {
        let with = json!({"access_paths": "@c", "fsync": "never"});
        run("DocumentStore", &with, &steps, |executor, model| {
            let all = (0..6).flat_map(|clip| (0..4).map(move |frame| Document::new(frame_id(clip, frame))));
            let query = Document { matches: all.collect(), ..Document::new("q") };
            let answer = call(executor, "/search", vec![query]);
            let stored: BTreeMap<String, u8> = answer.documents[0]
                .matches
                .iter()
                .map(|frame| (frame.id.clone(), frame.text.as_ref().unwrap().parse().unwrap()))
                .collect();
            assert_eq!(stored, model.0);
            assert_eq!(call(executor, "/status", NO_DOCUMENTS).results["documents"], model.0.len());
        });
    }
}
