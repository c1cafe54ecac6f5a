//! How flows name plugins: by their file, by class and file, by class alone.

use flowrun::diagnostic::Code;
use flowrun::yaml::Environment;

use super::{directory, start, start_in, write};
use crate::support::{plugin, reply, send};

async fn said(executors: &str) -> (Vec<Code>, String) {
    let directory = directory(executors);
    std::fs::copy(plugin::trials(), directory.path().join("trials.so")).unwrap();
    start(directory.path()).await.err().unwrap()
}

#[tokio::test]
async fn a_library_of_several_executors_wants_to_know_which() {
    let (codes, text) = said("- {name: a, uses: trials.so}\n").await;
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    for part in ["`Still`, `Touch`", "say which: `{jtype: Still, metas: {plugins: [trials.so]}}`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_misspelt_executor_of_a_library_is_told_the_right_name() {
    let (codes, text) = said("- {name: a, uses: {jtype: Stil, metas: {plugins: [trials.so]}}}\n").await;
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    assert!(text.contains("did you mean `Still`?"), "{text}");
}

#[tokio::test]
async fn two_libraries_with_the_same_executor_cannot_be_told_apart() {
    let directory = directory("- {name: a, uses: {jtype: Still, metas: {plugins: [trials.so, other.so]}}}\n");
    for name in ["trials.so", "other.so"] {
        std::fs::copy(plugin::trials(), directory.path().join(name)).unwrap();
    }
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::PluginDuplicateName], "{text}");
    assert!(text.contains("the first one"), "{text}");
}

#[tokio::test]
async fn jina_3_names_libraries_under_uses_metas() {
    let directory = directory("- {name: a, uses: Still, uses_metas: {plugins: [trials.so]}}\n");
    let path = directory.path().join("trials.so");
    std::fs::copy(plugin::trials(), &path).unwrap();
    let flow = start(directory.path()).await.unwrap_or_else(|(_, said)| panic!("{said}"));
    reply(send(&flow, "/index", &["a"]).await);
    let sha256 = flowrun_plugin::inspect(&std::fs::read(&path).unwrap()).sha256;
    for (pin, taken) in [(sha256.clone(), true), (sha256.to_uppercase(), true), ("0".repeat(64), false)] {
        let metas = format!("{{plugins: [trials.so], sha256: ['{pin}']}}");
        write(directory.path(), &format!("- {{name: a, uses: Still, uses_metas: {metas}}}\n"));
        assert_eq!(start(directory.path()).await.is_ok(), taken, "{pin}");
    }
    write(directory.path(), "- {name: a, uses: Still, uses_metas: {plugins: [trials.so], sha256: [x, y]}}\n");
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::WrongType], "{text}");
    assert!(text.contains("`sha256` has 2 hashes, but there are 1 plugins"), "{text}");
}

#[tokio::test]
async fn an_executor_is_found_by_its_name_in_the_directories_for_plugins() {
    let shelf = tempfile::tempdir().unwrap();
    std::fs::copy(plugin::trials(), shelf.path().join("trials.so")).unwrap();
    std::fs::write(shelf.path().join("broken.so"), "x").unwrap();
    let directory = directory("");
    let yaml = |uses: &str| {
        let shelf = shelf.path().display();
        format!(
            "jtype: Flow\nwith: {{endpoint: /index, plugins: ['{shelf}']}}\nexecutors:\n- {{name: a, uses: {uses}}}\n"
        )
    };
    for uses in ["Still", "{jtype: Still, metas: {plugins: [trials.so]}}"] {
        std::fs::write(directory.path().join("flow.yml"), yaml(uses)).unwrap();
        let flow = start(directory.path()).await.unwrap_or_else(|(_, said)| panic!("{said}"));
        reply(send(&flow, "/index", &["a"]).await);
    }
    // The environment names directories as the flow does.
    write(directory.path(), "- {name: a, uses: Still}\n");
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::UnresolvedExecutor]);
    let places = format!("/nowhere:{}", shelf.path().display());
    let environment = Environment::from_variables([("FLOWRUN_PLUGINS", places.as_str())]);
    let flow = start_in(directory.path(), &environment).await.unwrap_or_else(|(_, said)| panic!("{said}"));
    reply(send(&flow, "/index", &["a"]).await);
    std::fs::write(directory.path().join("flow.yml"), yaml("Nowhere")).unwrap();
    let (codes, text) = start(directory.path()).await.err().unwrap();
    assert_eq!(codes, [Code::UnresolvedExecutor], "{text}");
    assert!(text.contains("a plugin was passed over:") && text.contains("broken.so"), "{text}");
    // A second one of the same name.
    std::fs::copy(plugin::trials(), shelf.path().join("zweite.so")).unwrap();
    std::fs::write(directory.path().join("flow.yml"), yaml("Still")).unwrap();
    assert_eq!(start(directory.path()).await.err().unwrap().0, [Code::PluginDuplicateName]);
}
