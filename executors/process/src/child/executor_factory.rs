//! Creates the executor of a start frame, and creates it again after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use flowrun_sdk::{
    Build, BuildError, Catalog, Context, ExecutorType, Instance, LibraryRequest, Value, panic_message,
};

/// An executor type with its parameters.
pub(super) struct ExecutorFactory {
    executor_type: ExecutorType,
    build: Build,
}

impl ExecutorFactory {
    /// Looks up the executor that a start frame names, in `catalog` or in the library of the start frame.
    ///
    /// # Errors
    /// If there is no such executor or the library cannot be opened.
    pub(super) fn from_start(catalog: &Catalog, start: &Value, context: Context) -> Result<Self, BuildError> {
        let name = start.get("executor").and_then(Value::as_str).unwrap_or_default();
        let executor_type = match start.get("library").filter(|library| !library.is_null()) {
            None => catalog.get(name).copied(),
            Some(library) => find_in_library(catalog, library, name)?,
        };
        let executor_type =
            executor_type.ok_or_else(|| BuildError::failed(format_args!("there is no executor `{name}`")))?;
        let with = start.get("with").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self { executor_type, build: Build { with, context } })
    }

    /// Creates an instance.
    ///
    /// # Errors
    /// If the constructor fails or panics.
    pub(super) fn create(&self) -> Result<Instance, BuildError> {
        let created = catch_unwind(AssertUnwindSafe(|| self.executor_type.create(&self.build)));
        created.unwrap_or_else(|panic| {
            Err(BuildError::failed(format_args!("the constructor panicked: {}", panic_message(&*panic))))
        })
    }
}

/// Finds an executor by name in a library. The library undergoes the same checks as in the parent.
fn find_in_library(
    catalog: &Catalog,
    library: &Value,
    name: &str,
) -> Result<Option<ExecutorType>, BuildError> {
    let to_path = |value: &Value| value.as_str().map(PathBuf::from);
    let path = library.get("path").and_then(to_path).unwrap_or_default();
    let roots: Vec<PathBuf> =
        library.get("roots").and_then(Value::as_array).into_iter().flatten().filter_map(to_path).collect();
    let sha256 = library.get("sha256").and_then(Value::as_str);
    let request = LibraryRequest { path: &path, roots: &roots, sha256 };
    let executor_types = catalog.open_library(&request).map_err(BuildError::Library)?;
    Ok(executor_types.iter().find(|executor_type| executor_type.name == name).copied())
}
