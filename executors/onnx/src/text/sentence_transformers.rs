//! Configuration files of sentence-transformers in a model's directory: `modules.json`, `1_Pooling/config.json` and
//! `sentence_bert_config.json`. All are optional.

use std::path::Path;

use flowrun_sdk::{Value, guard};

use super::pooling::Pooling;

/// Largest file that is read, in bytes. The files have a few lines.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Settings of the files; `None` if a file is missing, unreadable or does not state the setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SentenceTransformersConfig {
    /// Largest number of tokens of a text.
    pub max_tokens: Option<usize>,
    /// Pooling of token vectors.
    pub pooling: Option<Pooling>,
    /// True if embeddings are scaled to length 1.
    pub normalize: Option<bool>,
}

impl SentenceTransformersConfig {
    /// Reads the files in a directory.
    pub(super) fn read(directory: &Path) -> Self {
        let json = |name: &str| -> Option<Value> {
            let bytes = guard::read_file(&directory.join(name), FILE_BYTES_MAX).ok()?;
            serde_json::from_slice(guard::without_byte_order_mark(&bytes)).ok()
        };
        let length =
            json("sentence_bert_config.json").and_then(|config| config.get("max_seq_length")?.as_u64());
        let modules = json("modules.json");
        Self {
            max_tokens: length.and_then(|length| usize::try_from(length).ok()),
            pooling: json("1_Pooling/config.json").as_ref().and_then(pooling),
            normalize: modules
                .as_ref()
                .and_then(Value::as_array)
                .map(|modules| has_normalize_module(modules)),
        }
    }
}

/// The enabled pooling mode; `None` if several are enabled, because concatenation is not supported.
fn pooling(config: &Value) -> Option<Pooling> {
    let is_on = |name: &str| config.get(name).and_then(Value::as_bool).unwrap_or(false);
    let ways = [
        ("pooling_mode_cls_token", Pooling::Cls),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_max_tokens", Pooling::Max),
    ];
    let mut on = ways.into_iter().filter(|(name, _)| is_on(name)).map(|(_, way)| way);
    on.next().filter(|_| on.next().is_none())
}

fn has_normalize_module(modules: &[Value]) -> bool {
    modules.iter().filter_map(|module| module.get("type")?.as_str()).any(|kind| kind.ends_with(".Normalize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_files_in_the_directory_of_a_model_are_read() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(SentenceTransformersConfig::read(directory.path()), SentenceTransformersConfig::default());
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("sentence_bert_config.json", r#"{"max_seq_length": 256, "do_lower_case": false}"#);
        write(
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#,
        );
        write("modules.json", r#"[{"type": "sentence_transformers.models.Transformer"}]"#);
        let config = SentenceTransformersConfig::read(directory.path());
        assert_eq!(
            config,
            SentenceTransformersConfig {
                max_tokens: Some(256),
                pooling: Some(Pooling::Cls),
                normalize: Some(false)
            }
        );
        write("modules.json", r#"[{"type": "sentence_transformers.models.Normalize"}]"#);
        assert_eq!(SentenceTransformersConfig::read(directory.path()).normalize, Some(true));
        write(
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#,
        );
        assert_eq!(SentenceTransformersConfig::read(directory.path()).pooling, None);
    }
}
