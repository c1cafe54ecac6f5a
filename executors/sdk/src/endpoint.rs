//! Executors in the style of Jina: one method per endpoint.
//!
//! The attribute [`executor`] on an `impl` block turns a type into an executor. `#[requests]` marks the methods that
//! handle requests, `#[create]` the constructor, `#[close]` the method that is called at the end.
//!
//! ```
//! use flowrun_sdk::{BuildError, Call, Context, Document, ExecutorError, executor};
//!
//! flowrun_sdk::parameters! {
//!     /// Parameters under `with:`.
//!     struct SuffixParameters {
//!         /// Appended to every text.
//!         suffix: String = "!".to_owned(),
//!     }
//! }
//!
//! flowrun_sdk::parameters! {
//!     /// Parameters of a request.
//!     struct AppendParameters {
//!         /// Number of repetitions.
//!         times: usize = 1,
//!     }
//! }
//!
//! struct Suffix(SuffixParameters);
//!
//! /// Appends to texts.
//! #[executor]
//! impl Suffix {
//!     #[create]
//!     fn new(parameters: SuffixParameters, _: &Context) -> Result<Self, BuildError> {
//!         Ok(Self(parameters))
//!     }
//!
//!     /// Called for each document; an error fails that document alone.
//!     #[requests("/index", "/update")]
//!     fn append(&mut self, document: &mut Document, parameters: AppendParameters) -> Result<(), ExecutorError> {
//!         let text = document.text.as_ref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
//!         document.text = Some(format!("{text}{}", self.0.suffix.repeat(parameters.times)).into());
//!         Ok(())
//!     }
//!
//!     /// Called for every other endpoint.
//!     #[requests]
//!     fn count(&mut self, call: &mut Call<'_>) {
//!         call.set_result("documents", call.documents().len());
//!     }
//! }
//!
//! # use flowrun_sdk::{Value, testing::ExecutorHarness};
//! # let mut harness = ExecutorHarness::new(&Suffix::TYPE, &Value::Null, Context::standalone(".")).unwrap();
//! # let documents = vec![Document::new("a").with_text("hello"), Document::new("b")];
//! # let parameters = [("times".to_owned(), 2.into())].into_iter().collect();
//! # let answer = harness.call("/index", documents, &Value::Object(parameters)).unwrap();
//! # assert_eq!(answer.documents[0].text.as_deref(), Some("hello!!"));
//! # assert_eq!(answer.failures[0].id, "b");
//! # let answer = harness.call("/other", vec![Document::new("a")], &Value::Null).unwrap();
//! # assert_eq!(answer.results["documents"], 1);
//! ```
//!
//! # Methods with `#[requests]`
//!
//! A method takes `&mut self` or `&self` and any of the following arguments:
//!
//! * `&mut Call<'_>`: the call;
//! * `&mut Vec<Document>`: the documents of the call;
//! * `&mut Document`: the method is called for each document, and an error fails that document alone;
//! * a type declared by [`parameters!`](crate::parameters!), by value: the parameters of the request with the names of its
//!   fields. Other parameters of the request are ignored, because a request addresses all executors of a flow.
//!
//! It returns a [`HandlerOutput`]. `#[requests]` without endpoints handles the endpoints that no other method handles;
//! without such a method, requests to other endpoints pass without a call. If the methods are `async`, they take `&self`,
//! and the type is an [`AsyncExecutor`](crate::AsyncExecutor).
//!
//! # Methods with `#[create]` and `#[close]`
//!
//! `#[create]` takes the parameters under `with:` and optionally a `&Context`. The type then has the constant `TYPE`, an
//! [`ExecutorType`](crate::ExecutorType) with its name; its summary is the first paragraph of the documentation of the
//! `impl` block. `#[close]` writes out data that is still in memory.
//!
//! Mistakes are compile errors at their position:
//!
//! ```compile_fail
//! struct Mine;
//! #[flowrun_sdk::executor]
//! impl Mine {
//!     #[requests("index")] // an endpoint begins with a slash: write "/index"
//!     fn index(&mut self) {}
//! }
//! ```

use serde_json::{Map, Value};

use crate::{
    BuildError, Call, Document, Documents, ErrorKind, ExecutorError, ParameterError, Parameters,
    RequestParameters,
};

pub use flowrun_sdk_macros::executor;

/// Parses the parameters of a request that have the names of the fields of `P`.
///
/// # Errors
/// [`ErrorKind::Parameter`] for the first missing or invalid parameter.
pub fn request_parameters<P: Parameters>(call: &Call<'_>) -> Result<P, ExecutorError> {
    let is_field = |name: &String| P::FIELDS.iter().any(|field| field.name == name);
    let own: RequestParameters = call
        .parameters()
        .iter()
        .filter(|(name, _)| is_field(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    P::parse(&own).map_err(|mistakes| match mistakes.into_iter().next() {
        Some(ParameterError::Invalid { name, reason }) => ExecutorError::parameter(name, reason),
        Some(ParameterError::Missing { name }) => ExecutorError::parameter(name, "is required"),
        other => ExecutorError::new(
            ErrorKind::Parameter,
            other.map(|mistake| mistake.to_string()).unwrap_or_default(),
        ),
    })
}

/// Return value of a method with `#[requests]`: `()`, documents that replace those of the call, a JSON object of results, or
/// an `Option` or `Result` of these.
#[diagnostic::on_unimplemented(
    message = "a method that handles requests cannot return `{Self}`",
    note = "return nothing, documents (which replace those of the call), a JSON object (results besides the documents), or a `Result` of one of these with `ExecutorError`"
)]
pub trait HandlerOutput {
    /// Applies the value to the call.
    ///
    /// # Errors
    /// The error that the method returned.
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
        self.map_or(Ok(()), |output| output.apply(call))
    }
}

impl<T: HandlerOutput> HandlerOutput for Result<T, ExecutorError> {
    fn apply(self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.and_then(|output| output.apply(call))
    }
}

/// Return value of a method that is called for each document, or has `#[close]`: `()` or a `Result`.
#[diagnostic::on_unimplemented(
    message = "this method cannot return `{Self}`",
    note = "return nothing, or `Result<(), ExecutorError>`"
)]
pub trait UnitOutput {
    /// Converts the value to a `Result`.
    ///
    /// # Errors
    /// The error that the method returned.
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

/// Return value of a method with `#[create]`.
#[diagnostic::on_unimplemented(
    message = "a method with `#[create]` cannot return `{Self}`",
    note = "return `Result<Self, BuildError>`"
)]
pub trait CreateOutput<T> {
    /// Converts the value to a `Result`.
    ///
    /// # Errors
    /// The error that the method returned.
    fn into_result(self) -> Result<T, BuildError>;
}

impl<T> CreateOutput<T> for Result<T, BuildError> {
    fn into_result(self) -> Result<T, BuildError> {
        self
    }
}
