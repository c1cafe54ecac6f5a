//! From what a note says to kinds of executors, as every other family has them.

use flowrun_sdk::abi::{DescribedKind, DescribedParameter};
use flowrun_sdk::{
    Build, BuildError, DefaultValue, ExecutorType, Factory, Instance, ParameterField, ParameterKind,
};

use crate::executor;
use crate::opened::Opened;

/// An executor of a library, which makes its instances.
struct Made {
    library: &'static Opened,
    name: &'static str,
}

impl Factory for Made {
    fn create(&self, build: &Build) -> Result<Instance, BuildError> {
        let table = self.library.loading.table(self.library).map_err(BuildError::Library)?;
        executor::create(self.library, table, self.name, build)
    }
}

/// The executors of a library. They live as long as the library does, which is for good.
pub(crate) fn types(library: &'static Opened) -> Vec<ExecutorType> {
    let executors = library.description.executors.iter();
    let kind = |executor: &'static flowrun_sdk::abi::DescribedExecutor| {
        let maker: &'static Made = Box::leak(Box::new(Made { library, name: &executor.name }));
        let fields: Vec<ParameterField> = executor.parameters.iter().map(field).collect();
        let aliases: Vec<&str> = executor.aliases.iter().map(String::as_str).collect();
        let kind = ExecutorType::from_factory(&executor.name, &executor.summary, fields.leak(), maker)
            .with_aliases(aliases.leak());
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
        kind: form(&parameter.form),
        default,
        documentation: &parameter.doc,
    }
}

fn form(form: &'static DescribedKind) -> ParameterKind {
    let inner =
        |of: &'static DescribedKind| -> &'static ParameterKind { Box::leak(Box::new(self::form(of))) };
    match form {
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
        DescribedKind::Optional { of } => ParameterKind::Optional(inner(of)),
        DescribedKind::List { of } => ParameterKind::List(inner(of)),
        DescribedKind::Array { of, length } => ParameterKind::Array(inner(of), *length),
        DescribedKind::Mapping => ParameterKind::Mapping,
        DescribedKind::Other { meant } => ParameterKind::Other(meant),
        // Kinds that a later SDK knows are checked by the plugin alone.
        _ => ParameterKind::Any,
    }
}

/// What values a parameter takes and its default, in words. For those who print it once.
pub fn in_words(parameter: &DescribedParameter) -> (String, String) {
    let parameter: &'static DescribedParameter = Box::leak(Box::new(parameter.clone()));
    let field = field(parameter);
    (field.kind.to_string(), field.default.to_string())
}
