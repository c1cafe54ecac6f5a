//! From what a note says to kinds of executors, as every other family has them.

use flowrun_sdk::abi::{DescribedKind, DescribedParameter};
use flowrun_sdk::{Build, BuildError, ExecutorType, Factory, Fallback, Field, Instance, Kind, default_text};

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
        let fields: Vec<Field> = executor.parameters.iter().map(field).collect();
        let aliases: Vec<&str> = executor.aliases.iter().map(String::as_str).collect();
        let kind = ExecutorType::made_by(&executor.name, &executor.summary, fields.leak(), maker)
            .also(aliases.leak());
        if executor.stores { kind.storing() } else { kind }
    };
    executors.map(kind).collect()
}

fn field(parameter: &'static DescribedParameter) -> Field {
    let default = match parameter.required {
        true => Fallback::Required,
        false => Fallback::Told(&parameter.default),
    };
    Field { name: &parameter.name, kind: form(&parameter.form), default, documentation: &parameter.doc }
}

fn form(form: &'static DescribedKind) -> Kind {
    let inner = |of: &'static DescribedKind| -> &'static Kind { Box::leak(Box::new(self::form(of))) };
    match form {
        DescribedKind::Boolean => Kind::Boolean,
        DescribedKind::Integer { least, most } => Kind::Integer { least: *least, most: *most },
        DescribedKind::Number => Kind::Number,
        DescribedKind::Text => Kind::Text,
        DescribedKind::Path => Kind::Path,
        DescribedKind::Seconds => Kind::Seconds,
        DescribedKind::AccessPaths => Kind::AccessPaths,
        DescribedKind::Choice { words } => {
            Kind::Choice(words.iter().map(String::as_str).collect::<Vec<_>>().leak())
        }
        DescribedKind::Optional { of } => Kind::Optional(inner(of)),
        DescribedKind::List { of } => Kind::List(inner(of)),
        DescribedKind::Array { of, length } => Kind::Array(inner(of), *length),
        DescribedKind::Mapping => Kind::Mapping,
        DescribedKind::Other { meant } => Kind::Other(meant),
        // Kinds that a later SDK knows are checked by the plugin alone.
        _ => Kind::Any,
    }
}

/// What values a parameter takes and its default, in words. For those who print it once.
pub fn in_words(parameter: &DescribedParameter) -> (String, String) {
    let parameter: &'static DescribedParameter = Box::leak(Box::new(parameter.clone()));
    let field = field(parameter);
    (field.kind.to_string(), default_text(&field))
}
