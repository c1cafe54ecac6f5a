//! Executors that behave like those of the recorded exchanges with Jina (`tests/captures`).

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType, Instance, Tensor,
    Value,
};

flowrun_sdk::parameters! {
    /// No parameters.
    struct NoParameters {}
}

pub(crate) const MISC: ExecutorType = ExecutorType::new::<NoParameters>("Misc", "As recorded.", misc);
pub(crate) const MISC_V2: ExecutorType = ExecutorType::new::<NoParameters>("MiscV2", "As recorded.", misc_v2);
pub(crate) const ENC: ExecutorType = ExecutorType::new::<NoParameters>("Enc", "As recorded.", enc);

struct Misc;
struct MiscV2;
struct Enc;

fn misc(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Misc)
        .with_endpoints(["/echo", "/raise", "/params", "/dict", "/stream", "/one", "/default"]))
}

fn enc(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Enc).with_endpoints(["/index", "/search"]))
}

fn misc_v2(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(MiscV2).with_endpoints(["/index", "/echo", "/raise", "/dict", "/one", "/stream"]))
}

impl Executor for MiscV2 {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/index" => {}
            "/dict" => {
                call.set_result("count", call.documents().len());
                return Ok(());
            }
            "/one" => {
                return call.for_each(&AccessPaths::roots(), |document| {
                    document.tags_mut().insert("count".to_owned(), 1.into());
                    Ok(())
                });
            }
            "/stream" => {
                // Like the recorded generator: three documents per document.
                let documents = std::mem::take(call.documents_mut());
                let made = documents
                    .iter()
                    .flat_map(|document| (0..3).map(move |number| streamed(document, number)));
                *call.documents_mut() = made.collect();
                return Ok(());
            }
            _ => return Misc.execute(call),
        }
        call.for_each(&AccessPaths::roots(), |document| {
            let length = document.text.as_ref().map_or(0, |text| text.chars().count());
            let first = u16::try_from(length + 1).unwrap();
            document.embedding = Some(normalized((first..first + 4).map(f32::from).collect()));
            Ok(())
        })
    }
}

/// Returns document `number` of the stream.
fn streamed(document: &Document, number: usize) -> Document {
    let text = format!("{} {number}", document.text.as_deref().unwrap_or_default());
    Document { id: format!("{number:032x}"), text: Some(text.into()), ..document.clone() }
}

/// Returns the vector, normalized to length 1.
fn normalized(mut elements: Vec<f32>) -> Tensor {
    let norm = elements.iter().map(|element| element * element).sum::<f32>().sqrt();
    elements.iter_mut().for_each(|element| *element /= norm);
    Tensor::vector(elements)
}

impl Executor for Misc {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/raise" => return Err(ExecutorError::input("boom from Misc")),
            "/dict" => {
                call.set_result("count", call.documents().len());
                call.set_result("nested", serde_json::json!({"a": [1, 2, "x", null, true]}));
            }
            "/params" => {
                let seen = Value::Object(call.parameters().clone());
                call.for_each(&AccessPaths::roots(), |document| {
                    document.tags_mut().insert("seen".to_owned(), seen.clone());
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Executor for Enc {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.for_each(&AccessPaths::roots(), |document| {
            let elements = match &document.tensor {
                Some(tensor) => tensor.to_f32().map_err(ExecutorError::from)?.into_owned(),
                None => vec![1.0, 2.0, 3.0],
            };
            document.embedding = Some(normalized(elements));
            Ok(())
        })
    }
}
