//! Models of encoders: stand-ins that the command line requests, and reports of missing models.

use flowrun_sdk::{Catalog, ExecutorType, ModelState, RawParameters};

use super::resolve::ResolvedComponent;
use crate::diagnostic::{Code, Diagnostic, Report};

/// Parameter of encoders that replaces a model by built-in features.
const STAND_IN: &str = "stand_in";

/// Parameter of encoders that names the files of a model.
const MODEL_PATH: &str = "model_path";

/// Sets `stand_in` for an encoder that has the parameter, unless the flow sets it or names a model.
pub(super) fn apply_stand_in(executor_type: &ExecutorType, with: &mut RawParameters, catalog: &Catalog) {
    let names_model = with.get(MODEL_PATH).is_some_and(|path| !path.is_null());
    if catalog.stand_ins() && has_stand_in(executor_type) && !names_model {
        with.entry(STAND_IN).or_insert(true.into());
    }
}

/// Reports a model that does not exist, and a stand-in.
pub(super) fn report(model: &ModelState, component: &ResolvedComponent, report: &mut Report) {
    let ResolvedComponent { spans, executor_type, isolated, .. } = component;
    let executor_type = isolated.as_ref().map_or(executor_type, |(inner, _)| inner);
    let class = executor_type.name;
    match model {
        ModelState::Unknown | ModelState::Found => {}
        ModelState::StandIn => {
            let message = format!("`{class}` runs without a model: built-in features replace it");
            let span = spans.parameters.get(STAND_IN).map_or(spans.component, |(name, _)| *name);
            let help = "texts are compared by their words, images by their colours and edges";
            report.push(Diagnostic::at(Code::StandIn, span, message).help(help));
        }
        ModelState::Missing(missing) => {
            let message = format!("`{class}` has no model: {}", missing.reason);
            let span = spans.parameters.get(MODEL_PATH).map_or(spans.component, |(_, value)| *value);
            let without = "`stand_in: true` among its parameters, or `--stand-in` on the command line, uses built-in \
                           features instead of a model";
            let without = has_stand_in(executor_type).then(|| without.to_owned());
            let diagnostic = Diagnostic::at(Code::ModelMissing, span, message).help(&missing.help);
            report.push(diagnostic.maybe_help(without));
        }
    }
}

fn has_stand_in(executor_type: &ExecutorType) -> bool {
    executor_type.fields.iter().any(|field| field.name == STAND_IN)
}
