//! Several executors run as one: a program lists, for each endpoint, the components to call one after the other.
//!
//! Programs are made from `components:` and `requests:` of an executor's YAML, and from a pod's `uses_requests`.

use std::borrow::Cow;
use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{
    BoxedExecutor, Call, Document, Executor, ExecutorError, Instance, RequestParameters, ShardSummary,
};
use tokio::runtime::Handle;

use super::call_timeout::execute_with_deadline;
use crate::runtime::routing::SEARCH_ENDPOINT;
use crate::topology::{ExecutorPlan, ProgramPlan, StepPlan};

/// Combines the instances of all components into one. A single component without a program is returned as it is.
///
/// The input dimension is that of the first component; ranking and output dimension are those of the last component that
/// has them.
pub(super) fn combine(mut components: Vec<Instance>, plan: &ExecutorPlan, tasks: &Handle) -> Instance {
    if plan.is_single()
        && let Some(only) = components.pop()
    {
        return only;
    }
    let ranking = components.iter().rev().find_map(|component| component.ranking);
    let input_dimension = components.first().and_then(|component| component.input_dimension);
    let output_dimension = components.iter().rev().find_map(|component| component.output_dimension);
    let programs = Programs { programs: plan.programs.clone(), pass_unmatched: plan.pass_unmatched };
    let summaries: Vec<_> = components.iter().map(|component| component.shard_summary.clone()).collect();
    let shard_summary = summaries.iter().any(Option::is_some).then(|| {
        let combined = CombinedSummary { components: summaries, programs: programs.clone() };
        Arc::new(combined) as Arc<dyn ShardSummary>
    });
    let endpoints = plan.program_endpoints();
    let compound = Compound { components, programs, tasks: tasks.clone() };
    Instance { endpoints, ranking, shard_summary, ..Instance::new(compound) }
        .with_output_dimension(output_dimension)
        .with_input_dimension(input_dimension)
}

/// The programs of a compound executor.
#[derive(Clone)]
struct Programs {
    programs: Vec<ProgramPlan>,
    /// Requests to endpoints without a program pass through; otherwise the first component receives them.
    pass_unmatched: bool,
}

impl Programs {
    /// The calls that a request to `endpoint` results in.
    fn steps(&self, endpoint: &str) -> &[StepPlan] {
        static FIRST_COMPONENT: [StepPlan; 1] =
            [StepPlan { component: 0, endpoint: None, access_paths: None }];
        let applies = |program: &&ProgramPlan| {
            program.endpoints.is_empty() || program.endpoints.iter().any(|name| name == endpoint)
        };
        match self.programs.iter().find(applies) {
            Some(program) => &program.steps,
            None if self.pass_unmatched => &[],
            None => &FIRST_COMPONENT,
        }
    }
}

/// The endpoint at which a step calls its component.
fn step_endpoint<'a>(step: &'a StepPlan, requested: &'a str) -> &'a str {
    step.endpoint.as_deref().unwrap_or(requested)
}

/// The parameters with which a step calls its component.
fn step_parameters<'a>(step: &StepPlan, requested: &'a RequestParameters) -> Cow<'a, RequestParameters> {
    match &step.access_paths {
        None => Cow::Borrowed(requested),
        Some(paths) => {
            let mut parameters = requested.clone();
            parameters.insert("access_paths".to_owned(), paths.as_str().into());
            Cow::Owned(parameters)
        }
    }
}

struct Compound {
    components: Vec<Instance>,
    programs: Programs,
    /// Runtime on which async components are called.
    tasks: Handle,
}

impl Executor for Compound {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.programs.steps(call.endpoint()).iter().try_for_each(|step| {
            call.check()?;
            call_component(&mut self.components, step, &self.tasks, call)
        })
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        let close = |component: &mut Instance| match &mut component.executor {
            BoxedExecutor::Sync(executor) => executor.close(),
            BoxedExecutor::Async(executor) => self.tasks.block_on(executor.close()),
        };
        // All components are closed, also after an error; the first error is returned.
        self.components.iter_mut().map(close).fold(Ok(()), Result::and)
    }
}

/// Calls the component of one step, unless it does not handle the step's endpoint.
fn call_component(
    components: &mut [Instance],
    step: &StepPlan,
    tasks: &Handle,
    call: &mut Call<'_>,
) -> Result<(), ExecutorError> {
    let Some(component) = components.get_mut(step.component) else { return Ok(()) };
    let endpoint = step_endpoint(step, call.endpoint());
    if !component.endpoints.handles(endpoint) {
        return Ok(());
    }
    let parameters = step_parameters(step, call.parameters());
    let mut sub_call = call.sub_call(endpoint, &parameters);
    match &mut component.executor {
        BoxedExecutor::Sync(executor) => executor.execute(&mut sub_call)?,
        BoxedExecutor::Async(executor) => {
            tasks.block_on(execute_with_deadline(&**executor, &mut sub_call))?;
        }
    }
    let answer = sub_call.into_answer();
    call.merge_answer(answer);
    Ok(())
}

/// Shard summary of a compound executor: a shard contains a document if one of its components does.
struct CombinedSummary {
    /// `None` for components without a summary.
    components: Vec<Option<Arc<dyn ShardSummary>>>,
    programs: Programs,
}

impl CombinedSummary {
    fn summaries(&self) -> impl Iterator<Item = &Arc<dyn ShardSummary>> {
        self.components.iter().flatten()
    }

    /// Component, endpoint and parameters of each call that a request results in, for components with a summary.
    fn steps<'a>(
        &'a self,
        endpoint: &'a str,
        parameters: &'a RequestParameters,
    ) -> impl Iterator<Item = (&'a dyn ShardSummary, &'a str, Cow<'a, RequestParameters>)> {
        self.programs.steps(endpoint).iter().filter_map(move |step| {
            let summary = self.components.get(step.component)?.as_deref()?;
            Some((summary, step_endpoint(step, endpoint), step_parameters(step, parameters)))
        })
    }
}

impl ShardSummary for CombinedSummary {
    fn document_count(&self) -> u64 {
        self.summaries().map(|summary| summary.document_count()).max().unwrap_or(0)
    }

    fn may_contain(&self, id: &str) -> bool {
        self.summaries().any(|summary| summary.may_contain(id))
    }

    fn may_contain_chunks(&self, document: &Document) -> bool {
        self.summaries().any(|summary| summary.may_contain_chunks(document))
    }

    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let mut steps = self.steps(endpoint, parameters);
        steps.any(|(summary, endpoint, parameters)| summary.targets_all(endpoint, &parameters))
    }

    fn prepare(&self) {
        self.summaries().for_each(|summary| summary.prepare());
    }

    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter> {
        let mut steps = self.steps(endpoint, parameters);
        steps.find_map(|(summary, endpoint, parameters)| summary.request_filter(endpoint, &parameters))
    }

    fn document_filters(&self, endpoint: &str, document: &Document) -> Vec<Filter> {
        let none = RequestParameters::new();
        let mut steps = self.steps(endpoint, &none);
        let filters = steps.find_map(|(summary, endpoint, _)| {
            Some(summary.document_filters(endpoint, document)).filter(|filters| !filters.is_empty())
        });
        filters.unwrap_or_default()
    }

    fn may_match(&self, filter: &Filter) -> bool {
        self.summaries().any(|summary| summary.may_match(filter))
    }

    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>> {
        self.summaries().find_map(|summary| summary.placement_vector(document))
    }

    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        let mut searches =
            self.steps(SEARCH_ENDPOINT, parameters).filter(|(_, endpoint, _)| *endpoint == SEARCH_ENDPOINT);
        searches.find_map(|(summary, _, parameters)| summary.query_vectors(document, &parameters))
    }

    fn centroids(&self) -> Arc<[Vec<f32>]> {
        let mut centroids = self.summaries().map(|summary| summary.centroids());
        centroids.find(|centroids| !centroids.is_empty()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A summary whose answers depend on the endpoint or the parameters that it receives.
    struct EchoingSummary;

    impl ShardSummary for EchoingSummary {
        fn document_count(&self) -> u64 {
            1
        }

        fn may_contain(&self, _: &str) -> bool {
            true
        }

        fn may_contain_chunks(&self, _: &Document) -> bool {
            true
        }

        fn targets_all(&self, endpoint: &str, _: &RequestParameters) -> bool {
            endpoint == "/delete"
        }

        fn prepare(&self) {}

        fn request_filter(&self, endpoint: &str, _: &RequestParameters) -> Option<Filter> {
            (endpoint == "/list").then_some(Filter::MATCH_ALL)
        }

        fn document_filters(&self, endpoint: &str, _: &Document) -> Vec<Filter> {
            if endpoint == "/list" { vec![Filter::MATCH_ALL] } else { Vec::new() }
        }

        fn may_match(&self, _: &Filter) -> bool {
            true
        }

        fn placement_vector(&self, _: &Document) -> Option<Vec<f32>> {
            None
        }

        fn query_vectors(&self, _: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
            (parameters.get("access_paths")? == "@c").then(Vec::new)
        }

        fn centroids(&self) -> Arc<[Vec<f32>]> {
            Arc::default()
        }
    }

    #[test]
    fn a_components_summary_sees_the_endpoint_and_parameters_of_the_program() {
        let program = |endpoint: &str, called: &str, paths: Option<&str>| ProgramPlan {
            endpoints: vec![endpoint.to_owned()],
            steps: vec![StepPlan {
                component: 1,
                endpoint: Some(called.to_owned()),
                access_paths: paths.map(str::to_owned),
            }],
        };
        let programs = vec![
            program("/search", "/search", Some("@c")),
            program("/purge", "/delete", None),
            program("/delete", "/list", None),
        ];
        let programs = Programs { programs, pass_unmatched: true };
        let combined = CombinedSummary { components: vec![None, Some(Arc::new(EchoingSummary))], programs };
        let parameters = RequestParameters::new();
        assert_eq!(combined.query_vectors(&Document::new("q"), &parameters), Some(vec![]));
        let targets_all = ["/purge", "/delete", "/index"].map(|name| combined.targets_all(name, &parameters));
        assert_eq!(targets_all, [true, false, false]);
        let has_filter =
            ["/delete", "/list"].map(|name| combined.request_filter(name, &parameters).is_some());
        assert_eq!(has_filter, [true, false]);
        let filters =
            ["/delete", "/list"].map(|name| combined.document_filters(name, &Document::new("q")).len());
        assert_eq!(filters, [1, 0]);
    }
}
