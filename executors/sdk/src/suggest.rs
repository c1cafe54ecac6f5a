//! “Did you mean”: the most likely correction of a misspelt word.

use std::cmp::Reverse;

/// The candidate that `word` most likely misspells, if any is close enough.
///
/// Close enough is a Damerau–Levenshtein distance of at most a third of the longer word's length, clamped to 1..=3.
/// Ties are broken by: a permutation of the same letters, the longest common prefix (first letters are rarely wrong), the
/// longest candidate, the first candidate.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let rank = |candidate: &'a str| {
        let known = fold(candidate);
        let distance = strsim::damerau_levenshtein(&folded, &known);
        let allowed = (folded.chars().count().max(known.chars().count()) / 3).clamp(1, 3);
        (distance <= allowed).then(|| {
            (
                distance,
                letters(&folded) != letters(&known),
                Reverse(common_prefix(&folded, &known)),
                Reverse(known.len()),
                candidate,
            )
        })
    };
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .filter_map(rank)
        .min_by_key(|(distance, other, same, length, _)| (*distance, *other, *same, *length))
        .map(|(.., candidate)| candidate)
}

/// The help line for a misspelt word, if there is a suggestion.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    suggest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Ignores case, and treats hyphens as underscores.
fn fold(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().collect();
    letters.sort_unstable();
    letters
}

fn common_prefix(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["replicas", "shards", "separated_workspace", "metric", "needs", "uses"];

    #[test]
    fn misspellings_that_jina_ignores_get_suggestions() {
        for (word, expected) in [
            ("seperated_workspace", "separated_workspace"),
            ("metrix", "metric"),
            ("replica", "replicas"),
            ("shard", "shards"),
            ("need", "needs"),
            ("Replicas", "replicas"),
            ("separated-workspace", "separated_workspace"),
        ] {
            assert_eq!(suggest(word, KEYS), Some(expected), "{word}");
        }
    }

    #[test]
    fn unrelated_words_get_no_suggestion() {
        for word in ["jcloud", "x", "", "timeout_ready"] {
            assert_eq!(suggest(word, KEYS), None, "{word}");
        }
    }
}
