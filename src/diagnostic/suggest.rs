//! “Did you mean”: the known word that a misspelt one most likely stands for.

use std::cmp::Reverse;

/// The candidate that `word` is most likely a misspelling of, if any is near enough.
///
/// Near enough is a Damerau–Levenshtein distance of a third of the longer word's length, at least 1 and at most 3.
/// Among equally near ones the one with the same letters in another order wins, then the one with the longer common
/// beginning, because people rarely miss the first letters, then the longer one, then the first named.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let near = |candidate: &'a str| {
        let known = fold(candidate);
        let distance = strsim::damerau_levenshtein(&folded, &known);
        let allowed = (folded.chars().count().max(known.chars().count()) / 3).clamp(1, 3);
        (distance <= allowed).then(|| {
            (
                distance,
                letters(&folded) != letters(&known),
                Reverse(beginning(&folded, &known)),
                Reverse(known.len()),
                candidate,
            )
        })
    };
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(near)
        .min_by_key(|(distance, other, same, length, _)| (*distance, *other, *same, *length))
        .map(|(.., candidate)| candidate)
}

/// The help line for a misspelt word, or nothing.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    suggest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Case and hyphens do not make a different word.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

fn beginning(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["replicas", "shards", "separated_workspace", "metric", "needs", "uses"];

    #[test]
    fn the_misspellings_that_jina_ignores_are_recognised() {
        for (word, meant) in [
            ("seperated_workspace", "separated_workspace"),
            ("metrix", "metric"),
            ("replica", "replicas"),
            ("shard", "shards"),
            ("need", "needs"),
            ("Replicas", "replicas"),
            ("separated-workspace", "separated_workspace"),
        ] {
            assert_eq!(suggest(word, KEYS), Some(meant), "{word}");
        }
    }

    #[test]
    fn a_word_of_its_own_is_left_alone() {
        for word in ["jcloud", "x", "", "timeout_ready"] {
            assert_eq!(suggest(word, KEYS), None, "{word}");
        }
    }
}
