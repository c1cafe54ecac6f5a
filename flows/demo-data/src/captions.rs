//! Captions of the classes, from templates with synonyms. No caption contains its label, and no two are equal.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clip_class::{CLIP_CLASSES, ClipClass};
use crate::flower_class::{FLOWER_CLASSES, FlowerClass};
use crate::seeded_rng::{Purpose, SeededRng};
use crate::vocabulary as words;

/// Number of captions per class that are indexed, and that are held out as queries.
const INDEXED: usize = 8;
const HELD_OUT: usize = 2;

/// Captions as JSON documents: for the index, and as queries.
pub(crate) struct Captions {
    pub(crate) index: Vec<Value>,
    pub(crate) query: Vec<Value>,
}

/// Templates with placeholders in braces, and the words for each placeholder. Every template contains every
/// placeholder; otherwise some variants would be equal.
struct Pattern {
    templates: &'static [&'static str],
    placeholders: BTreeMap<&'static str, &'static [&'static str]>,
}

impl Captions {
    /// Generates the captions of all classes.
    pub(crate) fn draw(seed: u64) -> Self {
        let clips = CLIP_CLASSES.map(|class| (class.label(), clip_pattern(class)));
        let flowers = FLOWER_CLASSES.map(|class| (class.label.to_owned(), flower_pattern(class)));
        let mut captions = Self { index: Vec::new(), query: Vec::new() };
        let mut drawn = Vec::new();
        for (number, (label, pattern)) in (0..).zip(clips.into_iter().chain(flowers)) {
            let mut rng = SeededRng::new(seed, Purpose::Caption, number);
            let mut variants: Vec<usize> = (0..pattern.variants()).collect();
            rng.shuffle(&mut variants);
            for (position, variant) in variants.into_iter().take(INDEXED + HELD_OUT).enumerate() {
                drawn.push((position < INDEXED, label.clone(), pattern.sentence(variant)));
            }
        }
        SeededRng::new(seed, Purpose::Order, Purpose::Caption as u32).shuffle(&mut drawn);
        for (number, (indexed, label, text)) in drawn.into_iter().enumerate() {
            let document = json!({"id": format!("text-{number:04}"), "text": text, "tags": {"label": label}});
            if indexed { captions.index.push(document) } else { captions.query.push(document) }
        }
        captions
    }
}

fn clip_pattern(class: ClipClass) -> Pattern {
    let ClipClass { hue, shape, texture, motion } = class;
    let placeholders = BTreeMap::from([
        ("colour", words::hue(hue)),
        ("shape", words::shape(shape)),
        ("texture", words::texture(texture)),
        ("motion", words::motion(motion)),
        ("setting", words::SETTINGS),
    ]);
    let templates = &[
        "a {texture} {colour} {shape} {motion} {setting}",
        "{setting}, one {colour} {shape}, {texture}, {motion}",
        "this clip shows a {colour} {texture} {shape} that {motion} {setting}",
        "see how the {texture} {shape} coloured {colour} {motion} {setting}",
    ];
    Pattern { templates, placeholders }
}

fn flower_pattern(class: FlowerClass) -> Pattern {
    let placeholders = BTreeMap::from([
        ("tint", words::tint(class.tint)),
        ("petal", words::petal(class.petal)),
        ("count", words::count(class.petals)),
        ("eye", words::eye(class.eye)),
        ("flower", words::FLOWERS),
    ]);
    let templates = &[
        "a {tint} {flower} with {count} {petal} petals around a {eye} eye",
        "the {flower} has {count} {petal} petals, all {tint}, and a {eye} centre",
        "{count} {petal} {tint} petals of this {flower} surround a {eye} middle",
        "close view of a {tint} {flower}: {count} petals, all {petal}, and its heart {eye}",
    ];
    Pattern { templates, placeholders }
}

impl Pattern {
    /// Number of different sentences.
    fn variants(&self) -> usize {
        self.placeholders.values().map(|words| words.len()).product::<usize>() * self.templates.len()
    }

    /// The sentence with the given number, whose digits (with the lengths of the word lists as bases) select the words.
    fn sentence(&self, mut number: usize) -> String {
        let mut digit = |choices: &[&'static str]| {
            let chosen = choices.get(number % choices.len()).copied().unwrap_or_default();
            number /= choices.len();
            chosen
        };
        let template = digit(self.templates).to_owned();
        let fill = |text: String, (placeholder, words): (&&str, &&[&'static str])| {
            text.replace(&format!("{{{placeholder}}}"), digit(words))
        };
        with_articles(&self.placeholders.iter().fold(template, fill))
    }
}

/// Replaces `a` with `an` before vowels.
fn with_articles(sentence: &str) -> String {
    let mut words: Vec<&str> = sentence.split(' ').collect();
    let vowels: Vec<bool> =
        words.iter().skip(1).map(|next| next.starts_with(['a', 'e', 'i', 'o', 'u'])).collect();
    for (word, vowel) in words.iter_mut().zip(vowels) {
        if *word == "a" && vowel {
            *word = "an";
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(document: &Value) -> &str {
        document["text"].as_str().unwrap()
    }

    fn tokens(document: &Value) -> BTreeSet<&str> {
        text(document).split([' ', ',', '-']).filter(|word| !word.is_empty()).collect()
    }

    #[test]
    fn every_class_has_its_captions_and_no_two_are_equal() {
        let Captions { index, query } = Captions::draw(1);
        assert_eq!((index.len(), query.len()), (40 * INDEXED, 40 * HELD_OUT));
        let texts: BTreeSet<&str> = index.iter().chain(&query).map(text).collect();
        assert_eq!(texts.len(), index.len() + query.len());
        let labels: BTreeSet<&str> =
            query.iter().map(|query| query["tags"]["label"].as_str().unwrap()).collect();
        assert_eq!(labels.len(), 40);
    }

    #[test]
    fn all_placeholders_are_filled_and_articles_are_correct() {
        let Captions { index, query } = Captions::draw(2);
        for document in index.iter().chain(&query) {
            let text = text(document);
            assert!(!text.contains(['{', '}']) && !text.contains("  "), "{text}");
            for wrong in ["a a", "a e", "a i", "a o", "a u"] {
                assert!(!format!(" {text}").contains(&format!(" {wrong}")), "{text}");
            }
            assert!(!text.contains(document["tags"]["label"].as_str().unwrap()), "{text}");
        }
    }

    #[test]
    fn word_overlap_finds_most_captions_but_not_all() {
        let Captions { index, query } = Captions::draw(1);
        let right = query.iter().filter(|query| {
            let words = tokens(query);
            let score = |document: &Value| {
                let other = tokens(document);
                let shared = words.intersection(&other).count() as f64;
                shared / words.union(&other).count() as f64
            };
            let best = index.iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
            best["tags"] == query["tags"]
        });
        let share = right.count() as f64 / query.len() as f64;
        assert!((0.6..=0.98).contains(&share), "{share}");
    }
}
