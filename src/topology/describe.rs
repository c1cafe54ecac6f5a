//! Describes executors before they are started: endpoints, ranking, dimensions, storage, batching.
//!
//! Sources, in this order: the built-in executor type with its parameters, the note of a plugin, and for a compound
//! executor its components. Facts that need a running executor stay unknown and are filled in at launch: those of a
//! Python class, of a plugin's instance, of an existing index, and of a model that is not open yet. Nothing is started.

use flowrun_sdk::{
    Build, Context, Endpoints, ExecutorDescription, ExecutorType, Fact, ModelState, RawParameters,
};

use super::executor::{ComponentPlan, ExecutorPlan, StepPlan};
use super::model;
use super::resolve::{PodExecutors, ResolvedComponent, ResolvedExecutor};
use super::spans::ComponentSpans;
use crate::diagnostic::Report;

/// A resolved executor and its description.
#[derive(Clone, Debug)]
pub struct DescribedExecutor {
    /// The executor as data.
    pub plan: ExecutorPlan,
    /// Positions of the components in the flow file.
    pub spans: Vec<ComponentSpans>,
    /// Facts about the executor.
    pub description: ExecutorDescription,
}

/// Executors of a pod that this process runs. Models of the remaining ones are on other machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunsHere {
    /// That of `uses`.
    pub main: bool,
    /// Those of `uses_before` and `uses_after`.
    pub around: bool,
}

/// Describes the executors of every pod. `here` has one entry per pod; models of executors that run in this process are
/// reported if they do not exist.
pub fn describe(
    pods: Vec<PodExecutors<ResolvedExecutor>>,
    here: &[RunsHere],
    report: &mut Report,
) -> Vec<PodExecutors<DescribedExecutor>> {
    let mut unreported = Report::default();
    let all = std::iter::repeat(&RunsHere { main: true, around: true });
    let describe_pod = |(pod, here): (PodExecutors<ResolvedExecutor>, &RunsHere)| {
        let mut describe = |executor: Option<ResolvedExecutor>, is_here: bool| {
            let report = if is_here { &mut *report } else { &mut unreported };
            executor.map(|executor| describe_executor(executor, report))
        };
        PodExecutors {
            before: describe(pod.before, here.around),
            main: describe(pod.main, here.main),
            after: describe(pod.after, here.around),
        }
    };
    pods.into_iter().zip(here.iter().chain(all)).map(describe_pod).collect()
}

fn describe_executor(executor: ResolvedExecutor, report: &mut Report) -> DescribedExecutor {
    let ResolvedExecutor { name, components, programs, pass_unmatched } = executor;
    let descriptions: Vec<ExecutorDescription> = components.iter().map(describe_component).collect();
    for (component, description) in components.iter().zip(&descriptions) {
        model::report(&description.model, component, report);
    }
    let (components, spans) =
        components.into_iter().map(|component| (component.plan, component.spans)).unzip();
    let plan = ExecutorPlan { name, components, programs, pass_unmatched };
    let description = combine(&plan, descriptions);
    DescribedExecutor { plan, spans, description }
}

fn describe_component(component: &ResolvedComponent) -> ExecutorDescription {
    let ResolvedComponent { plan, executor_type, isolated, .. } = component;
    let described = describe_type(executor_type, &plan.with, plan);
    let described = match isolated {
        // The child process has the endpoints, ranking and batching of the executor in it.
        Some((inner, with)) => described.or(describe_type(inner, with, plan)),
        None => described,
    };
    ExecutorDescription { stores_documents: plan.stores, ..described }
}

fn describe_type(executor: &ExecutorType, with: &RawParameters, plan: &ComponentPlan) -> ExecutorDescription {
    let context = Context {
        directory: plan.directory.clone(),
        read_only: plan.read_only,
        ..Context::standalone(plan.workspace(0))
    };
    executor.describe(&Build { with: with.clone(), context })
}

/// Combines the descriptions of an executor's components, by the same rules as `runtime` combines their instances at launch.
fn combine(plan: &ExecutorPlan, mut components: Vec<ExecutorDescription>) -> ExecutorDescription {
    if plan.is_single()
        && let Some(only) = components.pop()
    {
        return only;
    }
    let writes = write_endpoints(plan, &components);
    in_sequence(components, Fact::Known(plan.program_endpoints()), writes)
}

/// Combines the descriptions of executors that are called one after the other.
pub(super) fn in_sequence(
    components: Vec<ExecutorDescription>,
    endpoints: Fact<Endpoints>,
    write_endpoints: Fact<Vec<String>>,
) -> ExecutorDescription {
    let summaries: Vec<_> = components.iter().map(|component| component.shard_summary).collect();
    ExecutorDescription {
        endpoints,
        ranking: last_known(components.iter().map(|component| component.ranking)),
        input_dimension: components.first().map_or(Fact::Known(None), |first| first.input_dimension),
        output_dimension: last_known(components.iter().map(|component| component.output_dimension)),
        batching: Fact::Known(Vec::new()),
        write_endpoints,
        shard_summary: match summaries {
            _ if summaries.contains(&Fact::Known(true)) => Fact::Known(true),
            _ if summaries.contains(&Fact::Unknown) => Fact::Unknown,
            _ => Fact::Known(false),
        },
        // The shard summaries of the components report these at run time; a program may rename endpoints.
        whole_shard_requests: Vec::new(),
        stores_documents: components.iter().any(|component| component.stores_documents),
        adds_nothing: components.iter().all(|component| component.adds_nothing),
        model: first_known(components.iter().map(|component| component.model.clone())),
        needed_content: components.first().and_then(|first| first.needed_content),
        endpoint_help: components.into_iter().flat_map(|component| component.endpoint_help).collect(),
    }
}

/// The model of the first component that has one.
fn first_known(mut models: impl Iterator<Item = ModelState>) -> ModelState {
    models.find(|model| *model != ModelState::Unknown).unwrap_or_default()
}

/// Endpoints of a compound executor at which one of its components changes stored data. Unknown if the write endpoints of a
/// component are unknown, or if a program for all endpoints writes.
fn write_endpoints(plan: &ExecutorPlan, components: &[ExecutorDescription]) -> Fact<Vec<String>> {
    let known = components.iter().map(|component| component.write_endpoints.known());
    let Some(writes) = known.collect::<Option<Vec<&Vec<String>>>>() else { return Fact::Unknown };
    let of_component = |component: usize| writes.get(component).map_or(&[][..], |writes| writes.as_slice());
    let writes_at = |step: &StepPlan, endpoint: &str| {
        let called = step.endpoint.as_deref().unwrap_or(endpoint);
        of_component(step.component).iter().any(|known| known == called)
    };
    let mut written: Vec<String> = match plan.pass_unmatched {
        true => Vec::new(),
        false => of_component(0).to_vec(),
    };
    for program in &plan.programs {
        if program.endpoints.is_empty()
            && program.steps.iter().any(|step| !of_component(step.component).is_empty())
        {
            return Fact::Unknown;
        }
        let writing = |endpoint: &&String| program.steps.iter().any(|step| writes_at(step, endpoint));
        written.extend(program.endpoints.iter().filter(writing).cloned());
    }
    Fact::Known(written)
}

/// The value of the last component that has one. Unknown when a component after it is unknown.
fn last_known<T>(facts: impl DoubleEndedIterator<Item = Fact<Option<T>>>) -> Fact<Option<T>> {
    for fact in facts.rev() {
        match fact {
            Fact::Known(None) => {}
            known_or_unknown => return known_or_unknown,
        }
    }
    Fact::Known(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_component_with_a_value_counts_and_an_unknown_one_hides_it() {
        let last = |facts: &[Fact<Option<u8>>]| last_known(facts.iter().copied());
        assert_eq!(last(&[]), Fact::Known(None));
        assert_eq!(
            last(&[Fact::Known(Some(1)), Fact::Known(Some(2)), Fact::Known(None)]),
            Fact::Known(Some(2))
        );
        assert_eq!(last(&[Fact::Known(Some(1)), Fact::Unknown]), Fact::Unknown);
    }
}
