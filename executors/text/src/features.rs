//! Features of a text: its words, and the character n-grams within them.
//!
//! A word is a sequence of letters and digits (Unicode's `Alphabetic` and the numeric categories), lower-cased; all
//! other characters separate words. In languages without spaces words are long, but their n-grams still describe the
//! content. Texts are normalised to NFKC (UAX 15) first: a composed `é` equals a decomposed one, as in file names of
//! macOS, and full-width letters and ligatures equal the usual letters. Invisible characters within words, such as the
//! soft hyphen, are dropped.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Lengths of the n-grams; the boundary marks at both ends of a word count as characters.
const NGRAM_CHARACTERS: RangeInclusive<usize> = 3..=5;

/// Hash seeds, which distinguish words from n-grams of the same characters. They must never change, because stored
/// embeddings depend on them.
const WORD_SEED: u64 = 1;
const NGRAM_SEED: u64 = 2;

/// Hashes of the features of a text, with repetitions. A word and each of its n-grams have equal weight, so that long
/// words, which are more specific, count more.
pub(crate) fn feature_hashes(text: &str) -> Vec<u64> {
    let mut hashes = Vec::new();
    let visible = text.chars().filter(|character| !is_invisible(*character));
    let lower = visible.nfkc().collect::<String>().to_lowercase();
    for word in lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        hashes.push(xxh3_64_with_seed(word.as_bytes(), WORD_SEED));
        add_ngrams(word, &mut hashes);
    }
    hashes
}

/// True for characters that at most change the appearance of a word: soft hyphen, joiners, variation selectors, byte order
/// mark. The zero-width space separates words and is not one of them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// Adds the n-grams of `<word>`. The boundary marks distinguish the beginning and the end of a word from its middle.
fn add_ngrams(word: &str, hashes: &mut Vec<u64>) {
    let marked = format!("<{word}>");
    let boundaries: Vec<usize> =
        marked.char_indices().map(|(position, _)| position).chain([marked.len()]).collect();
    for characters in NGRAM_CHARACTERS {
        for window in boundaries.windows(characters + 1) {
            if let [start, .., end] = *window
                && let Some(ngram) = marked.get(start..end)
            {
                hashes.push(xxh3_64_with_seed(ngram.as_bytes(), NGRAM_SEED));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn normal_forms_of_a_text_have_the_same_features(text: String) {
            let features = feature_hashes(&text);
            prop_assert_eq!(&features, &feature_hashes(&text.nfc().collect::<String>()));
            prop_assert_eq!(&features, &feature_hashes(&text.nfd().collect::<String>()));
            prop_assert_eq!(&features, &feature_hashes(&text.nfkc().collect::<String>()));
            prop_assert_eq!(&features, &feature_hashes(&text.nfkd().collect::<String>()));
        }
    }

    #[test]
    fn forms_of_letters_and_invisible_characters_are_ignored() {
        for (text, same) in [
            ("na\u{ef}ve r\u{e9}sum\u{e9}", "nai\u{308}ve re\u{301}sume\u{301}"),
            ("\u{30d1}\u{30ea}", "\u{30cf}\u{309a}\u{30ea}"),
            ("ABC 123", "\u{ff21}\u{ff22}\u{ff23} \u{ff11}\u{ff12}\u{ff13}"),
            ("final office", "\u{fb01}nal of\u{fb01}ce"),
            ("donau\u{ad}dampf\u{ad}schiff", "donaudampfschiff"),
        ] {
            assert_eq!(feature_hashes(text), feature_hashes(same), "{text}");
        }
        assert_ne!(
            feature_hashes("a\u{200b}b"),
            feature_hashes("ab"),
            "the zero-width space separates words"
        );
    }

    #[test]
    fn case_and_separators_are_ignored() {
        assert_eq!(feature_hashes("don't STOP, Ärger!"), feature_hashes("\tDon t — stop...ärger"));
        assert_eq!(feature_hashes("<a>"), feature_hashes("a"));
        assert_ne!(feature_hashes("a b"), feature_hashes("ab"));
    }

    #[test]
    fn features_of_a_word_are_the_word_and_its_ngrams() {
        // <a>; <né né> <né>; <cat: 3 + 2 + 1.
        for (word, ngrams) in [("a", 1), ("né", 2 + 1), ("cat", 3 + 2 + 1), ("猫犬鳥魚", 4 + 3 + 2)] {
            assert_eq!(feature_hashes(word).len(), 1 + ngrams, "{word}");
        }
    }

    #[test]
    fn a_word_and_an_ngram_of_the_same_characters_differ() {
        let hashes = feature_hashes("abcd");
        let distinct: HashSet<u64> =
            hashes.iter().copied().chain([xxh3_64_with_seed(b"abcd", NGRAM_SEED)]).collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn a_text_without_letters_and_digits_has_no_features() {
        for text in ["", " \n", "?!…", "—"] {
            assert_eq!(feature_hashes(text), [0; 0], "{text}");
        }
    }
}
