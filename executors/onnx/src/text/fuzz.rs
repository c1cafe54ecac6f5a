//! Fuzzer of `tokenizer.json` files.

use flowrun_fuzz::{Target, generate};

use super::tokenizer::TextTokenizer;

/// Keys and values of the format.
const WORDS: [&str; 30] = [
    "version",
    "truncation",
    "max_length",
    "direction",
    "Right",
    "strategy",
    "LongestFirst",
    "stride",
    "padding",
    "added_tokens",
    "normalizer",
    "type",
    "BertNormalizer",
    "Precompiled",
    "precompiled_charsmap",
    "pre_tokenizer",
    "Whitespace",
    "post_processor",
    "TemplateProcessing",
    "single",
    "special_tokens",
    "decoder",
    "model",
    "WordPiece",
    "BPE",
    "Unigram",
    "vocab",
    "merges",
    "unk_token",
    "continuing_subword_prefix",
];

/// A tokenizer of words.
const SEED: &str = r###"{"version": "1.0", "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst",
    "stride": 0}, "padding": null, "added_tokens": [{"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false,
    "rstrip": false, "normalized": false, "special": true}], "normalizer": {"type": "BertNormalizer", "clean_text": true,
    "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}, "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": null, "decoder": null, "model": {"type": "WordPiece", "unk_token": "[UNK]",
    "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "some": 1, "##thing": 2,
    "words": 3}}}"###;

#[test]
fn any_tokenizer_encodes_or_is_refused_within_its_budget() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = directory.path().join("tokenizer.json");
    let encode = |input: &[u8]| {
        std::fs::write(&path, input).unwrap();
        match TextTokenizer::open(&path, None) {
            Ok(tokenizer) => match tokenizer.encode("Some words, something else") {
                Ok(tokens) => format!("{} tokens, last {}", tokens.ids.len(), tokenizer.last_id()),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        }
    };
    assert!(
        encode(SEED.as_bytes()).contains("tokens"),
        "the seed is a tokenizer: {}",
        encode(SEED.as_bytes())
    );
    // Regular expressions of normalizers and tables of vocabularies have constant parts.
    Target::new("tokenizers")
        .seeds([SEED])
        .words(WORDS)
        .generator(|random| generate::json(random, &WORDS, 4).to_string().into_bytes())
        .memory(256, 16 << 20)
        .run(encode);
}
