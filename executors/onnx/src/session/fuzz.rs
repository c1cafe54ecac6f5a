//! Fuzzer of the structure of model files, which is checked before a runtime reads them.

use flowrun_fuzz::{Target, generate};

use super::format::{fix_axes, outline};

/// A field with a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

/// A model with an input of two axes, the first with a name.
fn model() -> Vec<u8> {
    let axes = [field(1, &field(2, b"batch")), field(1, &[8, 3])].concat();
    let value =
        |name: &[u8]| [field(1, name), field(2, &field(1, &[&[8, 1], &*field(2, &axes)].concat()))].concat();
    let weights = field(5, &[field(8, b"w"), field(9, &[0; 8])].concat());
    let graph = [weights, field(11, &value(b"x")), field(12, &value(b"y"))].concat();
    [&[8, 8], &*field(7, &graph)].concat()
}

#[test]
fn any_model_is_outlined_or_refused_within_its_budget() {
    assert!(outline(&model()).is_ok(), "the seed is a model");
    // A field without content is two bytes, and one entry of the list of fields.
    Target::new("models")
        .seeds([model()])
        .generator(|random| generate::protobuf(random, 13, 6))
        .memory(64, 64 << 10)
        .run(|input| {
            let outlined = match outline(input) {
                Ok(outline) => outline.refers_to_files.to_string(),
                Err(error) => error.to_string(),
            };
            let fixed = fix_axes(input, &[("x".to_owned(), 0, 3)]);
            format!(
                "{outlined} {}",
                fixed.map_or_else(|error| error.to_string(), |fixed| (fixed != input).to_string())
            )
        });
}
