//! Several executors behind one name, called one after the other as a program says.

use std::borrow::Cow;
use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{
    BoxedExecutor, Call, Document, Endpoints, Executor, ExecutorError, Instance, RequestParameters,
    ShardSummary,
};
use tokio::runtime::Handle;

use super::call::in_time;
use super::shards::SEARCH;
use crate::topology::{ExecutorPlan, ProgramPlan, StepPlan};

/// One instance that stands for all; the instance itself when there is a single one without a program.
pub(super) fn instance(mut parts: Vec<Instance>, plan: &ExecutorPlan, tasks: &Handle) -> Instance {
    if plan.programs.is_empty()
        && parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let ranking = parts.iter().rev().find_map(|part| part.ranking);
    let read = parts.first().and_then(|part| part.input_dimension);
    let made = parts.iter().rev().find_map(|part| part.output_dimension);
    let programs = Programs { programs: plan.programs.clone(), others_pass: plan.others_pass };
    let holdings: Vec<_> = parts.iter().map(|part| part.shard_summary.clone()).collect();
    let holdings = holdings.iter().any(Option::is_some).then(|| {
        let together = Together { parts: holdings, programs: programs.clone() };
        Arc::new(together) as Arc<dyn ShardSummary>
    });
    let every = !plan.others_pass || plan.programs.iter().any(|program| program.endpoints.is_empty());
    let endpoints = match every {
        true => Endpoints::All,
        false => {
            Endpoints::Only(plan.programs.iter().flat_map(|program| program.endpoints.clone()).collect())
        }
    };
    let compound = Compound { parts, programs, tasks: tasks.clone() };
    Instance { endpoints, ranking, shard_summary: holdings, ..Instance::new(compound) }
        .with_output_dimension(made)
        .with_input_dimension(read)
}

/// Which parts a request is for.
#[derive(Clone)]
struct Programs {
    programs: Vec<ProgramPlan>,
    /// Whether requests to endpoints of no program are for nobody, rather than for the first part.
    others_pass: bool,
}

impl Programs {
    /// The calls that a request to this endpoint comes to.
    fn steps(&self, endpoint: &str) -> &[StepPlan] {
        static AS_IT_IS: [StepPlan; 1] = [StepPlan { component: 0, endpoint: None, access_paths: None }];
        let names = |program: &&ProgramPlan| {
            program.endpoints.is_empty() || program.endpoints.iter().any(|name| name == endpoint)
        };
        match self.programs.iter().find(names) {
            Some(program) => &program.steps,
            None if self.others_pass => &[],
            None => &AS_IT_IS,
        }
    }
}

/// The endpoint that a step calls.
fn endpoint_of<'a>(step: &'a StepPlan, asked: &'a str) -> &'a str {
    step.endpoint.as_deref().unwrap_or(asked)
}

/// What a step calls it with.
fn parameters_of<'a>(step: &StepPlan, asked: &'a RequestParameters) -> Cow<'a, RequestParameters> {
    match &step.access_paths {
        None => Cow::Borrowed(asked),
        Some(paths) => {
            let mut parameters = asked.clone();
            parameters.insert("access_paths".to_owned(), paths.as_str().into());
            Cow::Owned(parameters)
        }
    }
}

struct Compound {
    parts: Vec<Instance>,
    programs: Programs,
    /// Where parts that wait more than they compute are run.
    tasks: Handle,
}

impl Executor for Compound {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.programs.steps(call.endpoint()).iter().try_for_each(|one| {
            call.check()?;
            step(&mut self.parts, one, &self.tasks, call)
        })
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        let close = |part: &mut Instance| match &mut part.executor {
            BoxedExecutor::Sync(executor) => executor.close(),
            BoxedExecutor::Async(executor) => self.tasks.block_on(executor.close()),
        };
        // Every one is closed, whatever the others say.
        self.parts.iter_mut().map(close).fold(Ok(()), Result::and)
    }
}

/// Calls one of the parts.
fn step(
    parts: &mut [Instance],
    step: &StepPlan,
    tasks: &Handle,
    call: &mut Call<'_>,
) -> Result<(), ExecutorError> {
    let Some(part) = parts.get_mut(step.component) else { return Ok(()) };
    let endpoint = endpoint_of(step, call.endpoint());
    if !part.endpoints.handles(endpoint) {
        return Ok(());
    }
    let parameters = parameters_of(step, call.parameters());
    let mut inner = call.sub_call(endpoint, &parameters);
    match &mut part.executor {
        BoxedExecutor::Sync(executor) => executor.execute(&mut inner)?,
        BoxedExecutor::Async(executor) => tasks.block_on(in_time(&**executor, &mut inner))?,
    }
    let answer = inner.into_answer();
    call.merge_answer(answer);
    Ok(())
}

/// What several executors hold: a document is where one of them has it.
struct Together {
    parts: Vec<Option<Arc<dyn ShardSummary>>>,
    programs: Programs,
}

impl Together {
    /// Those that say what they hold.
    fn holding(&self) -> impl Iterator<Item = &Arc<dyn ShardSummary>> {
        self.parts.iter().flatten()
    }

    /// What a request comes to for those.
    fn steps<'a>(
        &'a self,
        endpoint: &'a str,
        parameters: &'a RequestParameters,
    ) -> impl Iterator<Item = (&'a dyn ShardSummary, &'a str, Cow<'a, RequestParameters>)> {
        self.programs.steps(endpoint).iter().filter_map(move |step| {
            let holding = self.parts.get(step.component)?.as_deref()?;
            Some((holding, endpoint_of(step, endpoint), parameters_of(step, parameters)))
        })
    }
}

impl ShardSummary for Together {
    fn document_count(&self) -> u64 {
        self.holding().map(|part| part.document_count()).max().unwrap_or(0)
    }

    fn may_contain(&self, id: &str) -> bool {
        self.holding().any(|part| part.may_contain(id))
    }

    fn may_contain_chunks(&self, document: &Document) -> bool {
        self.holding().any(|part| part.may_contain_chunks(document))
    }

    fn targets_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let mut steps = self.steps(endpoint, parameters);
        steps.any(|(part, endpoint, parameters)| part.targets_all(endpoint, &parameters))
    }

    fn prepare(&self) {
        self.holding().for_each(|part| part.prepare());
    }

    fn request_filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter> {
        let mut steps = self.steps(endpoint, parameters);
        steps.find_map(|(part, endpoint, parameters)| part.request_filter(endpoint, &parameters))
    }

    fn may_match(&self, filter: &Filter) -> bool {
        self.holding().any(|part| part.may_match(filter))
    }

    fn placement_vector(&self, document: &Document) -> Option<Vec<f32>> {
        self.holding().find_map(|part| part.placement_vector(document))
    }

    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        let searches = self.steps(SEARCH, parameters).filter(|(_, endpoint, _)| *endpoint == SEARCH);
        searches.into_iter().find_map(|(part, _, parameters)| part.query_vectors(document, &parameters))
    }

    fn centroids(&self) -> Arc<[Vec<f32>]> {
        let known = self.holding().map(|part| part.centroids());
        known.into_iter().find(|centroids| !centroids.is_empty()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what it is asked.
    struct Asked;

    impl ShardSummary for Asked {
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
    fn what_a_part_holds_is_asked_as_the_program_calls_it() {
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
        let programs = Programs { programs, others_pass: true };
        let together = Together { parts: vec![None, Some(Arc::new(Asked))], programs };
        let parameters = RequestParameters::new();
        assert_eq!(together.query_vectors(&Document::new("q"), &parameters), Some(vec![]));
        let concerned = ["/purge", "/delete", "/index"].map(|name| together.targets_all(name, &parameters));
        assert_eq!(concerned, [true, false, false]);
        let filtered = ["/delete", "/list"].map(|name| together.request_filter(name, &parameters).is_some());
        assert_eq!(filtered, [true, false]);
    }
}
