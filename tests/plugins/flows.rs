//! Naming of plugins in flows: by file, by class and file, by class alone.

use flowrun::diagnostic::Code;
use flowrun::yaml::Environment;

use super::{directory, start, start_in, write};
use crate::support::{plugin, reply, send};

async fn rejection(executors: &str) -> (Vec<Code>, String) {
    let directory = directory(executors);
    std::fs::copy(plugin::test_plugin(), directory.path().join("trials.so")).unwrap();
    start(directory.path()).await.err().unwrap()
}

#[tokio::test]
async fn a_library_with_several_executors_requires_a_name() {
    let (codes, text) = rejection("- {name: a, uses: trials.so}\n").await;
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    for part in ["`Still`, `Touch`", "choose one: `{jtype: Still, metas: {plugins: [trials.so]}}`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn the_right_name_is_suggested_for_a_misspelt_executor() {
    let (codes, text) = rejection("- {name: a, uses: {jtype: Stil, metas: {plugins: [trials.so]}}}\n").await;
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    assert!(text.contains("did you mean `Still`?"), "{text}");
}

#[tokio::test]
async fn two_libraries_with_the_same_executor_are_rejected() {
    let directory = directory("- {name: a, uses: {jtype: Still, metas: {plugins: [trials.so, other.so]}}}\n");
    for name in ["trials.so", "other.so"] {
        std::fs::copy(plugin::test_plugin(), directory.path().join(name)).unwrap();
    }
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginDuplicateName], "{text}");
    assert!(text.contains("the first one"), "{text}");
}

#[tokio::test]
async fn libraries_and_hashes_are_read_from_uses_metas() {
    let directory = directory("- {name: a, uses: Still, uses_metas: {plugins: [trials.so]}}\n");
    let path = directory.path().join("trials.so");
    std::fs::copy(plugin::test_plugin(), &path).unwrap();
    let flow = start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{report}"));
    reply(send(&flow, "/index", &["a"]).await);
    let sha256 = flowrun_plugin::inspect(&std::fs::read(&path).unwrap()).sha256;
    for (pin, is_accepted) in [(sha256.clone(), true), (sha256.to_uppercase(), true), ("0".repeat(64), false)]
    {
        let metas = format!("{{plugins: [trials.so], sha256: ['{pin}']}}");
        write(directory.path(), &format!("- {{name: a, uses: Still, uses_metas: {metas}}}\n"));
        assert_eq!(start(directory.path()).await.is_ok(), is_accepted, "{pin}");
    }
    write(directory.path(), "- {name: a, uses: Still, uses_metas: {plugins: [trials.so], sha256: [x, y]}}\n");
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::WrongType], "{text}");
    assert!(text.contains("`sha256` has 2 hashes, but there are 1 plugins"), "{text}");
}

#[tokio::test]
async fn an_executor_is_found_by_name_in_the_plugin_directories() {
    let plugins = tempfile::tempdir().unwrap();
    std::fs::copy(plugin::test_plugin(), plugins.path().join("trials.so")).unwrap();
    std::fs::write(plugins.path().join("broken.so"), "x").unwrap();
    let directory = directory("");
    let yaml = |uses: &str| {
        let plugins = plugins.path().display();
        format!(
            "jtype: Flow\nwith: {{endpoint: /index, plugins: ['{plugins}']}}\nexecutors:\n- {{name: a, uses: {uses}}}\n"
        )
    };
    for uses in ["Still", "{jtype: Still, metas: {plugins: [trials.so]}}"] {
        std::fs::write(directory.path().join("flow.yml"), yaml(uses)).unwrap();
        let flow = start(directory.path()).await.unwrap_or_else(|(_, report)| panic!("{report}"));
        reply(send(&flow, "/index", &["a"]).await);
    }
    // The environment adds directories.
    write(directory.path(), "- {name: a, uses: Still}\n");
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::UnresolvedExecutor]);
    let directories = format!("/nowhere:{}", plugins.path().display());
    let environment = Environment::from_variables([("FLOWRUN_PLUGINS", directories.as_str())]);
    let flow =
        start_in(directory.path(), &environment).await.unwrap_or_else(|(_, report)| panic!("{report}"));
    reply(send(&flow, "/index", &["a"]).await);
    std::fs::write(directory.path().join("flow.yml"), yaml("Nowhere")).unwrap();
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    assert!(text.contains("a plugin was skipped:") && text.contains("broken.so"), "{text}");
    // A second executor of the same name.
    std::fs::copy(plugin::test_plugin(), plugins.path().join("zweite.so")).unwrap();
    std::fs::write(directory.path().join("flow.yml"), yaml("Still")).unwrap();
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::PluginDuplicateName]);
}
