//! Executors in Jina's manner: an endpoint a method.
//!
//! [`executor`] stands before an `impl` block, [`requests`](macro@executor) before each method that handles requests.
//!
//! ```
//! use flowrun_sdk::{Call, Context, BuildError, Document, ExecutorError, executor};
//!
//! flowrun_sdk::parameters! {
//!     /// What to append.
//!     struct SuffixParameters {
//!         /// Appended to every text.
//!         suffix: String = "!".to_owned(),
//!     }
//! }
//!
//! flowrun_sdk::parameters! {
//!     /// What a request may say.
//!     struct Asked {
//!         /// How often to append.
//!         times: usize = 1,
//!     }
//! }
//!
//! struct Suffix(SuffixParameters);
//!
//! /// Appends to texts.
//! #[executor]
//! impl Suffix {
//!     /// From what stands under `with:`.
//!     #[create]
//!     fn new(parameters: SuffixParameters, _: &Context) -> Result<Self, BuildError> {
//!         Ok(Self(parameters))
//!     }
//!
//!     /// For each document; an error fails that document alone.
//!     #[requests("/index", "/update")]
//!     fn append(&mut self, document: &mut Document, asked: Asked) -> Result<(), ExecutorError> {
//!         let text = document.text.as_ref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
//!         document.text = Some(format!("{text}{}", self.0.suffix.repeat(asked.times)).into());
//!         Ok(())
//!     }
//!
//!     /// For every other endpoint.
//!     #[requests]
//!     fn count(&mut self, call: &mut Call<'_>) {
//!         call.set_result("documents", call.documents().len());
//!     }
//! }
//!
//! # let context = Context::standalone(".");
//! # let mut bench = flowrun_sdk::testing::ExecutorHarness::new(&Suffix::TYPE, &flowrun_sdk::Value::Null, context).unwrap();
//! # let documents = vec![Document::new("a").with_text("hello"), Document::new("b")];
//! # let parameters = [("times".to_owned(), 2.into())].into_iter().collect();
//! # let answer = bench.call("/index", documents, &flowrun_sdk::Value::Object(parameters)).unwrap();
//! # assert_eq!(answer.documents[0].text.as_deref(), Some("hello!!"));
//! # assert_eq!(answer.failures[0].id, "b");
//! # let answer = bench.call("/other", vec![Document::new("a")], &flowrun_sdk::Value::Null).unwrap();
//! # assert_eq!(answer.results["documents"], 1);
//! ```
//!
//! A method takes any of
//!
//! * `&mut Call<'_>`: the call;
//! * `&mut Vec<Document>`: the documents;
//! * `&mut Document`: it is called for each document of the request, and fails for that one alone;
//! * a type that [`parameters!`](crate::parameters!) declares: what the request's parameters say of its fields. Others
//!   pass, because a request speaks to every executor of a flow;
//!
//! and returns what is [`HandlerOutput`]. Requests to endpoints that no method handles pass by; `#[requests]` alone handles
//! the rest. Methods that are `async` take `&self`, and make an [`AsyncExecutor`](crate::AsyncExecutor). `#[create]`
//! adds the constant `TYPE`, whose summary is the documentation of the block; `#[close]` stands before the method that
//! writes out what is still in memory.
//!
//! What the attribute refuses it says at its place:
//!
//! ```compile_fail
//! struct Mine;
//! #[flowrun_sdk::executor]
//! impl Mine {
//!     #[requests("index")] // an endpoint begins with a stroke: write "/index"
//!     fn index(&mut self) {}
//! }
//! ```

use serde_json::{Map, Value};

use crate::{
    BuildError, Call, Document, Documents, ErrorKind, ExecutorError, ParameterError, Parameters,
    RequestParameters,
};

pub use flowrun_sdk_macros::executor;

/// What the parameters of a request say of the fields of `P`.
///
/// # Errors
/// [`ErrorKind::Parameter`] with the first that does not fit.
pub fn request_parameters<P: Parameters>(call: &Call<'_>) -> Result<P, ExecutorError> {
    let named = |name: &String| P::FIELDS.iter().any(|field| field.name == name);
    let given: RequestParameters = call
        .parameters()
        .iter()
        .filter(|(name, _)| named(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    P::parse(&given).map_err(|mistakes| match mistakes.into_iter().next() {
        Some(ParameterError::Invalid { name, reason }) => ExecutorError::parameter(name, reason),
        Some(ParameterError::Missing { name }) => ExecutorError::parameter(name, "is required"),
        other => ExecutorError::new(
            ErrorKind::Parameter,
            other.map(|mistake| mistake.to_string()).unwrap_or_default(),
        ),
    })
}

/// What a method that handles requests may return.
#[diagnostic::on_unimplemented(
    message = "a method that handles requests cannot return `{Self}`",
    note = "it returns nothing, documents (in the place of those of the call), a JSON object (results beside the documents), or a `Result` of one of these with `ExecutorError`"
)]
pub trait HandlerOutput {
    /// Makes it the outcome of the call.
    ///
    /// # Errors
    /// The method's.
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError>;
}

impl HandlerOutput for () {
    fn apply(self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        Ok(())
    }
}

impl HandlerOutput for Documents {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.set_documents(self);
        Ok(())
    }
}

impl HandlerOutput for Vec<Document> {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        Documents::from(self).apply(call)
    }
}

impl HandlerOutput for Map<String, Value> {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.into_iter().for_each(|(name, value)| call.set_result(name, value));
        Ok(())
    }
}

impl<T: HandlerOutput> HandlerOutput for Option<T> {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.map_or(Ok(()), |handled| handled.apply(call))
    }
}

impl<T: HandlerOutput> HandlerOutput for Result<T, ExecutorError> {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.and_then(|handled| handled.apply(call))
    }
}

/// What a method that is called for each document may return, and one that closes.
#[diagnostic::on_unimplemented(
    message = "this method cannot return `{Self}`",
    note = "it returns nothing, or `Result<(), ExecutorError>`"
)]
pub trait UnitOutput {
    /// How it went.
    ///
    /// # Errors
    /// The method's.
    fn into_result(self) -> Result<(), ExecutorError>;
}

impl UnitOutput for () {
    fn into_result(self) -> Result<(), ExecutorError> {
        Ok(())
    }
}

impl UnitOutput for Result<(), ExecutorError> {
    fn into_result(self) -> Result<(), ExecutorError> {
        self
    }
}

/// What a method with `#[create]` may return.
#[diagnostic::on_unimplemented(
    message = "a method with `#[create]` cannot return `{Self}`",
    note = "it returns `Self`-that-is-an-executor in a `Result` with `BuildError`"
)]
pub trait CreateOutput<T> {
    /// What was made.
    ///
    /// # Errors
    /// The method's.
    fn into_result(self) -> Result<T, BuildError>;
}

impl<T> CreateOutput<T> for Result<T, BuildError> {
    fn into_result(self) -> Result<T, BuildError> {
        self
    }
}
