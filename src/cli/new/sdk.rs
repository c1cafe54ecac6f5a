//! The SDK, as the program carries it: a new executor is built with the very version that it will run under, and
//! nothing has to be published for that.

/// The files of the SDK, and the manifest that they are members of.
pub(super) fn files() -> Vec<(String, String)> {
    const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sdk.rs"));
    let mut files: Vec<(String, String)> =
        FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    files.push(("Cargo.toml".to_owned(), manifest()));
    files
}

/// Our own manifest, as far as the SDK inherits from it.
fn manifest() -> String {
    const OURS: &str = include_str!("../../../Cargo.toml");
    let mut manifest = String::from(
        "# The SDK of flowrun, as the flowrun that made this directory was built with it.\n[workspace]\nmembers = [\"sdk\", \
         \"sdk-macros\"]\nresolver = \"3\"\n",
    );
    let mut wanted = false;
    for line in OURS.lines() {
        if line.starts_with('[') {
            wanted = line.starts_with("[workspace.");
            manifest.push('\n');
        }
        let families = line.starts_with("flowrun-") && !line.starts_with("flowrun-sdk");
        if wanted && !families && !line.is_empty() {
            manifest.push_str(&line.replace("path = \"executors/", "path = \""));
            manifest.push('\n');
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sdk_is_whole_and_names_no_family() {
        let files = files();
        let named = |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, text)| text.as_str());
        for name in [
            "sdk/Cargo.toml",
            "sdk/src/lib.rs",
            "sdk/build.rs",
            "sdk/include/flowrun.h",
            "sdk-macros/src/lib.rs",
        ] {
            assert!(named(name).is_some(), "{name}");
        }
        let manifest = named("Cargo.toml").unwrap();
        assert!(manifest.contains("flowrun-sdk-macros = { path = \"sdk-macros\" }"), "{manifest}");
        assert!(!manifest.contains("executors") && !manifest.contains("flowrun-image"), "{manifest}");
        assert!(manifest.contains("rust-version") && manifest.contains("missing_docs"), "{manifest}");
    }
}
