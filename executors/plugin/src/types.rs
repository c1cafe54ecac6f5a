//! Executor types of a library, from its description.

use flowrun_sdk::abi::{DescribedKind, DescribedParameter};
use flowrun_sdk::{
    Build, BuildError, DefaultValue, ExecutorType, Factory, Instance, ParameterField, ParameterKind,
};

use crate::library::Library;
use crate::{executor, load};

/// Creates executors of one type of a library, and loads the library for the first one.
struct LibraryFactory {
    library: &'static Library,
    name: &'static str,
}

impl Factory for LibraryFactory {
    fn create(&self, build: &Build) -> Result<Instance, BuildError> {
        let table = load::table(self.library).map_err(BuildError::Library)?;
        executor::create(self.library, table, self.name, build)
    }
}

/// Executor types of a library, as listed in its description. They are never freed, like the library.
pub(crate) fn types(library: &'static Library) -> &'static [ExecutorType] {
    library.types.get_or_init(|| build(library))
}

fn build(library: &'static Library) -> Vec<ExecutorType> {
    let executors = library.description.executors.iter();
    let kind = |executor: &'static flowrun_sdk::abi::DescribedExecutor| {
        let factory: &'static LibraryFactory =
            Box::leak(Box::new(LibraryFactory { library, name: &executor.name }));
        let fields: Vec<ParameterField> = executor.parameters.iter().map(field).collect();
        let aliases: Vec<&str> = executor.aliases.iter().map(String::as_str).collect();
        let kind = ExecutorType::from_factory(&executor.name, &executor.summary, fields.leak(), factory)
            .with_aliases(aliases.leak())
            .with_library_sha256(&library.sha256);
        if executor.stores { kind.with_storage() } else { kind }
    };
    executors.map(kind).collect()
}

fn field(parameter: &'static DescribedParameter) -> ParameterField {
    let default = match parameter.required {
        true => DefaultValue::Required,
        false => DefaultValue::Text(&parameter.default),
    };
    ParameterField {
        name: &parameter.name,
        kind: parameter_kind(&parameter.kind),
        default,
        documentation: &parameter.doc,
    }
}

fn parameter_kind(kind: &'static DescribedKind) -> ParameterKind {
    let nested = |kind: &'static DescribedKind| -> &'static ParameterKind {
        Box::leak(Box::new(parameter_kind(kind)))
    };
    match kind {
        DescribedKind::Boolean => ParameterKind::Boolean,
        DescribedKind::Integer { min, max } => ParameterKind::Integer { min: *min, max: *max },
        DescribedKind::Number => ParameterKind::Number,
        DescribedKind::Text => ParameterKind::Text,
        DescribedKind::Path => ParameterKind::Path,
        DescribedKind::Seconds => ParameterKind::Seconds,
        DescribedKind::AccessPaths => ParameterKind::AccessPaths,
        DescribedKind::Choice { words } => {
            ParameterKind::Choice(words.iter().map(String::as_str).collect::<Vec<_>>().leak())
        }
        DescribedKind::Optional { inner } => ParameterKind::Optional(nested(inner)),
        DescribedKind::List { inner } => ParameterKind::List(nested(inner)),
        DescribedKind::Array { inner, length } => ParameterKind::Array(nested(inner), *length),
        DescribedKind::Mapping => ParameterKind::Mapping,
        DescribedKind::Other { phrase } => ParameterKind::Other(phrase),
        // Kinds of later SDKs are validated by the plugin alone.
        _ => ParameterKind::Any,
    }
}

/// Accepted values and default of a parameter, as text. Leaks memory: meant for programs that print it once.
pub fn parameter_text(parameter: &DescribedParameter) -> (String, String) {
    let parameter: &'static DescribedParameter = Box::leak(Box::new(parameter.clone()));
    let field = field(parameter);
    (field.kind.to_string(), field.default.to_string())
}
