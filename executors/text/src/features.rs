//! The features of a text: its words, and the runs of characters within them.
//!
//! A word is a run of letters and digits (Unicode's `Alphabetic` and the numeric categories), lower-cased; everything
//! else separates words. That needs no tables beyond the standard library's. Languages that write without spaces give
//! long words, of which the runs of characters still tell what is in them. Texts are not normalised: `é` in one
//! character and `é` in two are different.

use std::ops::RangeInclusive;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How long the runs of characters are, with the marks at both ends of a word counted as characters.
const GRAM_CHARACTERS: RangeInclusive<usize> = 3..=5;

/// Seeds keep words apart from runs of the same characters. Never change them: stored embeddings depend on them.
const WORD_SEED: u64 = 1;
const GRAM_SEED: u64 = 2;

/// The hashes of the features of a text, each as often as it occurs. A word and each run of characters in it count
/// alike: a word comes with several runs, and long words, which tell more, with more of them.
pub(crate) fn features(text: &str) -> Vec<u64> {
    let mut hashes = Vec::new();
    let lower = text.to_lowercase();
    for word in lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        hashes.push(xxh3_64_with_seed(word.as_bytes(), WORD_SEED));
        add_grams(word, &mut hashes);
    }
    hashes
}

/// Adds the runs of characters of `<word>`: the marks tell a beginning or an end from a middle.
fn add_grams(word: &str, hashes: &mut Vec<u64>) {
    let marked = format!("<{word}>");
    let boundaries: Vec<usize> =
        marked.char_indices().map(|(position, _)| position).chain([marked.len()]).collect();
    for characters in GRAM_CHARACTERS {
        for window in boundaries.windows(characters + 1) {
            if let [start, .., end] = *window
                && let Some(gram) = marked.get(start..end)
            {
                hashes.push(xxh3_64_with_seed(gram.as_bytes(), GRAM_SEED));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn case_and_whatever_separates_words_make_no_difference() {
        assert_eq!(features("don't STOP, Ärger!"), features("\tDon t — stop...ärger"));
        assert_eq!(features("<a>"), features("a"));
        assert_ne!(features("a b"), features("ab"));
    }

    #[test]
    fn a_word_gives_itself_and_the_runs_of_itself_and_its_ends() {
        // <a>; <né né> <né>; <cat: 3 + 2 + 1.
        for (word, grams) in [("a", 1), ("né", 2 + 1), ("cat", 3 + 2 + 1), ("猫犬鳥魚", 4 + 3 + 2)] {
            assert_eq!(features(word).len(), 1 + grams, "{word}");
        }
    }

    #[test]
    fn a_word_is_not_mistaken_for_a_run_of_the_same_characters() {
        let hashes = features("abcd");
        let distinct: HashSet<u64> =
            hashes.iter().copied().chain([xxh3_64_with_seed(b"abcd", GRAM_SEED)]).collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn a_text_without_letters_and_digits_has_no_features() {
        for text in ["", " \n", "?!…", "—"] {
            assert_eq!(features(text), [0; 0], "{text}");
        }
    }
}
