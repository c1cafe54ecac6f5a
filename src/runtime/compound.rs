//! Several executors behind one name, called one after the other as a program says.

use flowrun_sdk::{Call, Endpoints, Executor, ExecutorError, Instance, RequestParameters, Worker};
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
    let holdings = parts.iter().rev().find_map(|part| part.holdings.clone());
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
