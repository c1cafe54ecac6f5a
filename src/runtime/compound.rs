//! Several executors behind one name, called one after the other as a program says.

use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{
    Call, Document, Endpoints, Executor, ExecutorError, Holdings, Instance, RequestParameters, Worker,
};
use tokio::runtime::Handle;

use super::call::in_time;
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
    let read = parts.first().and_then(|part| part.reads_dimension);
    let made = parts.iter().rev().find_map(|part| part.makes_dimension);
    let holdings: Vec<_> = parts.iter().filter_map(|part| part.holdings.clone()).collect();
    let holdings = (!holdings.is_empty()).then(|| Arc::new(Together(holdings)) as Arc<dyn Holdings>);
    let every = !plan.others_pass || plan.programs.iter().any(|program| program.endpoints.is_empty());
    let endpoints = match every {
        true => Endpoints::All,
        false => {
            Endpoints::Only(plan.programs.iter().flat_map(|program| program.endpoints.clone()).collect())
        }
    };
    let compound = Compound {
        parts,
        programs: plan.programs.clone(),
        others_pass: plan.others_pass,
        tasks: tasks.clone(),
    };
    Instance { endpoints, ranking, holdings, ..Instance::thread(compound) }.embedding(made).reading(read)
}

struct Compound {
    parts: Vec<Instance>,
    programs: Vec<ProgramPlan>,
    others_pass: bool,
    /// Where parts that wait more than they compute are run.
    tasks: Handle,
}

impl Executor for Compound {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let endpoint = call.endpoint();
        let names = |program: &&ProgramPlan| {
            program.endpoints.is_empty() || program.endpoints.iter().any(|name| name == endpoint)
        };
        let Some(program) = self.programs.iter().find(names) else {
            let as_it_is = StepPlan { component: 0, endpoint: None, access_paths: None };
            return if self.others_pass {
                Ok(())
            } else {
                step(&mut self.parts, &as_it_is, &self.tasks, call)
            };
        };
        program.steps.iter().try_for_each(|one| {
            call.check()?;
            step(&mut self.parts, one, &self.tasks, call)
        })
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        let close = |part: &mut Instance| match &mut part.worker {
            Worker::Thread(executor) => executor.close(),
            Worker::Task(executor) => self.tasks.block_on(executor.close()),
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
    let endpoint = step.endpoint.as_deref().unwrap_or(call.endpoint());
    if !part.endpoints.handles(endpoint) {
        return Ok(());
    }
    let with_paths: RequestParameters;
    let parameters = match &step.access_paths {
        None => call.parameters(),
        Some(paths) => {
            let mut parameters = call.parameters().clone();
            parameters.insert("access_paths".to_owned(), paths.as_str().into());
            with_paths = parameters;
            &with_paths
        }
    };
    let mut inner = call.part(endpoint, parameters);
    match &mut part.worker {
        Worker::Thread(executor) => executor.execute(&mut inner)?,
        Worker::Task(executor) => tasks.block_on(in_time(&**executor, &mut inner))?,
    }
    let answer = inner.finish();
    call.absorb(answer);
    Ok(())
}

/// What several executors hold: a document is where one of them has it.
struct Together(Vec<Arc<dyn Holdings>>);

impl Holdings for Together {
    fn documents(&self) -> u64 {
        self.0.iter().map(|part| part.documents()).max().unwrap_or(0)
    }

    fn may_hold(&self, id: &str) -> bool {
        self.0.iter().any(|part| part.may_hold(id))
    }

    fn may_hold_chunks(&self, document: &Document) -> bool {
        self.0.iter().any(|part| part.may_hold_chunks(document))
    }

    fn concerns_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        self.0.iter().any(|part| part.concerns_all(endpoint, parameters))
    }

    fn prepare(&self) {
        self.0.iter().for_each(|part| part.prepare());
    }

    fn filter(&self, endpoint: &str, parameters: &RequestParameters) -> Option<Filter> {
        self.0.iter().find_map(|part| part.filter(endpoint, parameters))
    }

    fn may_match(&self, filter: &Filter) -> bool {
        self.0.iter().any(|part| part.may_match(filter))
    }

    fn position(&self, document: &Document) -> Option<Vec<f32>> {
        self.0.iter().find_map(|part| part.position(document))
    }

    fn queries(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        self.0.iter().find_map(|part| part.queries(document, parameters))
    }

    fn centroids(&self) -> Arc<[Vec<f32>]> {
        let known = self.0.iter().map(|part| part.centroids());
        known.into_iter().find(|centroids| !centroids.is_empty()).unwrap_or_default()
    }
}
