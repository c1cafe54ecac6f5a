//! Tokens and embeddings equal those of the reference implementations, which `make models` recorded.
#![cfg(feature = "tokenizers")]

#[path = "../../../../tests/support/artifact.rs"]
mod artifact;
#[path = "../../../../tests/support/models.rs"]
#[expect(dead_code, reason = "these tests do not run Python")]
mod models;

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Context, Document, Value};
use serde_json::json;

use super::ONNX_TEXT_ENCODER;
use super::tokenizer::TextTokenizer;

/// Recorded results of a reference implementation.
fn reference_lines(path: &Path) -> Vec<Value> {
    let bytes = flowrun_sdk::guard::read_file(path, 1 << 30).unwrap();
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn numbers<T>(value: &Value, number: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    value.as_array().unwrap().iter().map(|value| number(value).unwrap()).collect()
}

/// Compares the tokens of every text with those of the reference `name`. Returns the number of texts.
fn compare(tokenizer: &TextTokenizer, lines: &[Value], name: &str) -> usize {
    for line in lines {
        let text = line["text"].as_str().unwrap();
        let expected = numbers(&line[name], |id| u32::try_from(id.as_u64()?).ok());
        assert_eq!(tokenizer.encode(text).unwrap().ids, expected, "{name}: {text:?}");
    }
    lines.len()
}

#[test]
fn tokens_of_a_tokenizer_json_equal_those_of_hugging_face() {
    let (Some(models), Some(minilm)) = (models::models(), models::minilm()) else { return };
    let references = models.join("references");
    let tokenizer = TextTokenizer::open(&minilm.join("tokenizer.json"), Some(256)).unwrap();
    assert!(compare(&tokenizer, &reference_lines(&references.join("tokens.jsonl")), "minilm") >= 1000);
}

#[test]
fn byte_level_tokens_equal_those_of_hugging_face() {
    let Some(models) = models::models() else { return };
    let references = models.join("references");
    let lines = reference_lines(&references.join("words.jsonl"));
    for name in ["gpt2", "llama3"] {
        let tokenizer = TextTokenizer::open(&references.join(format!("{name}.json")), Some(100_000)).unwrap();
        assert!(compare(&tokenizer, &lines, name) >= 1000);
    }
}

#[test]
fn clip_tokens_equal_those_of_openai() {
    let Some(models) = models::models() else { return };
    let lines = reference_lines(&models.join("references/tokens.jsonl"));
    let tokenizer = TextTokenizer::clip(None).unwrap();
    assert!(compare(&tokenizer, &lines, "clip") >= 1000);
    // ftfy repairs broken encodings before CLIP's tokenizer runs. This is not implemented; few texts need it.
    let repaired = lines.iter().filter(|line| line["repaired"] == true).count();
    assert!(repaired <= 20, "{repaired} texts would be repaired by ftfy");
}

fn encoder(with: &Value) -> ExecutorHarness {
    ExecutorHarness::new(&ONNX_TEXT_ENCODER, with, Context::standalone(".")).unwrap()
}

fn start_error(with: &Value) -> String {
    ExecutorHarness::new(&ONNX_TEXT_ENCODER, with, Context::standalone(".")).err().unwrap().to_string()
}

fn embeddings(answer: &Answer) -> Vec<Vec<f32>> {
    let embedding = |document: &Document| document.embedding.as_ref().unwrap().to_f32().unwrap().into_owned();
    answer.documents.iter().map(embedding).collect()
}

/// Encodes the texts of a reference in one call, and compares the embeddings with the recorded ones.
fn compare_embeddings(with: &Value, reference: &Path, tolerance: f32) {
    let lines = reference_lines(reference);
    let document = |line: &Value| Document::new("").with_text(line["text"].as_str().unwrap());
    let documents: Vec<Document> = lines.iter().map(document).collect();
    let answer = encoder(with).call("/", documents, &Value::Null).unwrap();
    assert_eq!(answer.failures.len(), 0);
    let found = embeddings(&answer);
    assert!(found.len() == lines.len() && found.len() > 10);
    for (line, found) in lines.iter().zip(found) {
        #[expect(clippy::cast_possible_truncation, reason = "the recorded numbers were in single precision")]
        let expected = numbers(&line["embedding"], |number| Some(number.as_f64()? as f32));
        let most = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert_eq!(expected.len(), found.len());
        assert!(most <= tolerance, "{with}: {} differs by {most}", line["text"]);
    }
}

#[test]
fn embeddings_equal_the_reference_for_every_element_type_and_pooling() {
    let Some(models) = models::models() else { return };
    let directory = models.join("sentences");
    for pooling in ["mean", "max", "cls"] {
        for (model, minibatch_size, tolerance) in [
            ("model", 4, 1e-5),
            ("model_int32", 32, 1e-5),
            ("model_fp16", 3, 2e-3),
            // With eight-bit weights the quantisation scale depends on all texts of a batch.
            ("model_int8", 1, 1e-5),
        ] {
            let with = json!({
                "model_path": directory.join(format!("{model}.onnx")), "pooling": pooling,
                "minibatch_size": minibatch_size, "max_length": 16,
            });
            let reference = models.join(format!("references/{model}_{pooling}.jsonl"));
            compare_embeddings(&with, &reference, tolerance);
        }
    }
}

#[test]
fn a_sentence_transformers_directory_needs_no_settings() {
    let (Some(models), Some(minilm)) = (models::models(), models::minilm()) else { return };
    let with = json!({"model_path": minilm, "dimension": 384});
    compare_embeddings(&with, &models.join("references/minilm.jsonl"), 1e-5);
}

#[test]
fn clip_embeddings_equal_those_of_clip_as_service() {
    let Some(models) = models::models() else { return };
    let with = json!({"model_path": models.join("clip/textual.onnx"), "preset": "clip"});
    compare_embeddings(&with, &models.join("references/clip.jsonl"), 1e-5);
}

#[test]
fn a_failed_text_does_not_affect_the_others_or_their_order() {
    let Some(models) = models::models() else { return };
    let with = json!({"model_path": models.join("sentences"), "max_length": 16, "bytes_max": 100, "minibatch_size": 2});
    let texts = ["a long text of many words, cut at its end", "short", "one more", "ring"];
    let mut documents: Vec<Document> =
        texts.iter().enumerate().map(|(id, text)| Document::new(id.to_string()).with_text(*text)).collect();
    documents.insert(2, Document::new("none"));
    documents.insert(1, Document::new("huge").with_text("a".repeat(101)));
    let mut encoder = encoder(&with);
    let answer = encoder.call("/", documents, &Value::Null).unwrap();
    let failed: Vec<_> =
        answer.failures.iter().map(|failure| (failure.id.as_str(), failure.error.message())).collect();
    let huge = "the text has 101 bytes, more than the 100 allowed";
    assert_eq!(failed, [("huge", huge), ("none", "the document has no text")]);
    let ids: Vec<&str> = answer.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["0", "1", "2", "3"]);
    for (text, together) in texts.iter().zip(embeddings(&answer)) {
        let alone = encoder.call("/", vec![Document::new("").with_text(*text)], &Value::Null).unwrap();
        let most =
            embeddings(&alone)[0].iter().zip(&together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 1e-5, "{text}: {most}");
    }
}

#[test]
fn a_prefix_is_part_of_the_text() {
    let Some(models) = models::models() else { return };
    let encode = |prefix: &str, text: &str| {
        let with = json!({"model_path": models.join("sentences"), "max_length": 16, "prefix": prefix});
        let answer = encoder(&with).call("/", vec![Document::new("").with_text(text)], &Value::Null).unwrap();
        embeddings(&answer)
    };
    assert_eq!(encode("query: ", "ring"), encode("", "query: ring"));
    assert_ne!(encode("query: ", "ring"), encode("", "ring"));
}

#[test]
fn mismatched_parameters_are_reported_at_start() {
    let Some(models) = models::models() else { return };
    let sentences = models.join("sentences/model.onnx");
    let missing = json!({"model_path": "nowhere.onnx"});
    let picture = json!({"model_path": models.join("small.onnx")});
    let clip =
        json!({"model_path": sentences, "preset": "clip", "tokenizer": models.join("references/gpt2.json")});
    let long = json!({"model_path": sentences, "max_length": 65});
    let dimension = json!({"model_path": sentences, "dimension": 33});
    let short = json!({"model_path": sentences, "max_length": 2});
    let broken = json!({"model_path": sentences, "tokenizer": sentences});
    let output = json!({"model_path": sentences, "output": "nothing"});
    for (with, expected) in [
        (missing, "`model_path`: `./nowhere.onnx`: cannot read"),
        (picture, "`small.onnx`: its input `input` is float32; a text encoder requires int64 or int32"),
        (clip, "`tokenizer`: may belong to another model: the model rejects its token"),
        (long, "`max_length`: is 65, but the model failed"),
        (dimension, "`dimension`: must be 32, the dimension of the model"),
        (short, "`max_length`: must be more than 2, the number of special tokens"),
        (broken, "is not a `tokenizer.json` of Hugging Face"),
        (output, "the model has no output `nothing`; it has `last_hidden_state`"),
    ] {
        let found = start_error(&with).replace(&format!("{}/", models.display()), "");
        assert!(found.contains(expected), "{found}\ndoes not contain\n{expected}");
    }
}
