//! “Did you mean”: the most likely correction of a misspelt word.

use std::cmp::Reverse;

/// Longer words get no suggestion.
const WORD_CHARACTERS_MAX: usize = 256;

/// The candidate that `word` most likely misspells, if any is close enough.
///
/// Close enough is a Damerau–Levenshtein distance of at most a third of the longer word's length, clamped to 1..=3, and
/// less than that length: a single letter does not misspell another one. Case is ignored, and `-` equals `_`. A candidate
/// identical to `word` is skipped.
///
/// Ties are broken by: a permutation of the same letters, the longest common prefix (first letters are rarely wrong), the
/// longest candidate, the first candidate.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(word);
    let length = folded.chars().count();
    let rank = |candidate: &'a str| {
        let known = fold(candidate);
        let known_length = known.chars().count();
        let longer = length.max(known_length);
        let allowed = (longer / 3).clamp(1, 3).min(longer.saturating_sub(1));
        // Bounds the time: the distance takes the product of both lengths, and is at least their difference.
        if length.abs_diff(known_length) > allowed || longer > WORD_CHARACTERS_MAX {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&folded, &known);
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
        for word in ["b", ""] {
            assert_eq!(suggest(word, ["a"]), None, "{word}");
        }
    }
}
