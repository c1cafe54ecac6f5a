//! What lies beside a model of sentence-transformers and says how it is used: `modules.json`, `1_Pooling/config.json`,
//! `sentence_bert_config.json`. Without them the encoder's own parameters, or their defaults, say it all.

use std::path::Path;

use flowrun_sdk::{Value, guard};

use super::pooling::Pooling;

/// The largest of these files: they have a few lines.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Tokens of a text at the most.
    pub length_max: Option<usize>,
    /// How the vectors of tokens become one.
    pub pooling: Option<Pooling>,
    /// Whether the vector is brought to length 1.
    pub normalize: Option<bool>,
}

impl Settings {
    /// Reads what there is in a directory.
    pub(super) fn read(directory: &Path) -> Self {
        let json = |name: &str| -> Option<Value> {
            let bytes = guard::read_file(&directory.join(name), FILE_BYTES_MAX).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        let length =
            json("sentence_bert_config.json").and_then(|config| config.get("max_seq_length")?.as_u64());
        let modules = json("modules.json");
        Self {
            length_max: length.and_then(|length| usize::try_from(length).ok()),
            pooling: json("1_Pooling/config.json").as_ref().and_then(pooling),
            normalize: modules.as_ref().and_then(Value::as_array).map(|modules| normalizes(modules)),
        }
    }
}

/// The way of pooling that is switched on; where several are, their vectors would be joined, which is not done here.
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

fn normalizes(modules: &[Value]) -> bool {
    modules.iter().filter_map(|module| module.get("type")?.as_str()).any(|kind| kind.ends_with(".Normalize"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_model_says_how_it_is_used() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Settings::read(directory.path()), Settings::default());
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
        let settings = Settings::read(directory.path());
        assert_eq!(
            settings,
            Settings { length_max: Some(256), pooling: Some(Pooling::Cls), normalize: Some(false) }
        );
        write("modules.json", r#"[{"type": "sentence_transformers.models.Normalize"}]"#);
        assert_eq!(Settings::read(directory.path()).normalize, Some(true));
        write(
            "1_Pooling/config.json",
            r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#,
        );
        assert_eq!(Settings::read(directory.path()).pooling, None);
    }
}
