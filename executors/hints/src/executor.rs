//! `QueryHints`: turns hints in the text of a query into a filter.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType, Instance,
    Parameter, ParameterKind, Value, parse_parameters,
};
use serde_json::json;

use crate::calendar::Day;
use crate::hint::{Hint, Understood, hints};
use crate::vocabulary::Vocabulary;
use crate::words::Words;

/// Tag that lists the hints that were understood.
const HINTS_TAG: &str = "hints";

flowrun_sdk::parameters! {
    /// Parameters of `QueryHints`.
    pub(crate) struct QueryHintsParameters {
        /// Tag that receives the conditions, `filter_tag` of the index. A document that has it already is unchanged.
        tag: String = "filter".to_owned(),
        /// Sets a list of conditions, whose last ones an index drops until something matches; `false` sets one filter.
        relax: bool = true,
        /// Tag with the time in a video, in seconds; null does not understand times.
        time_tag: Option<String> = Some("timestamp".to_owned()),
        /// Tag with the number of the scene, from 0; null does not understand scenes.
        scene_tag: Option<String> = Some("scene_number".to_owned()),
        /// Tag with the date, an ISO 8601 text such as `2024-03-05` or `2024-03-05T17:20:00`; null does not understand dates.
        date_tag: Option<String> = None,
        /// Tag with the hour of the day, from 0 up to 24; null does not understand `in the morning` and `after 6 pm`.
        hour_tag: Option<String> = None,
        /// The day that `yesterday` and `last month` refer to, such as `2024-06-15`; null does not understand them.
        today: Option<Today> = None,
        /// Words for values of tags: `{TAG: {VALUE: [SYNONYM, …]}}`, or `{TAG: [VALUE, …]}`. Plurals are added. The built-in
        /// tags are `colours` and `time_of_day`, as `SceneTagger` sets them; a tag given here replaces a built-in one, null removes
        /// it.
        vocabulary: Value = Value::Null,
        /// Tags whose words are adjectives, which count only where they describe a noun of the vocabulary, the picture itself, or
        /// are used alone.
        adjectives: Vec<String> = vec!["colours".to_owned()],
        /// Tags whose words count anywhere and literally.
        phrases: Vec<String> = vec!["time_of_day".to_owned()],
        /// Documents whose texts are read.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// The executor type `QueryHints`.
pub(crate) const QUERY_HINTS: ExecutorType = ExecutorType::new::<QueryHintsParameters>(
    "QueryHints",
    "Turns hints in each document's text, such as `after 7:05`, `scene 3` or `a red car at night`, into a filter for the index.",
    create,
);

/// A day, as a parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Today(Day);

impl Parameter for Today {
    const KIND: ParameterKind = ParameterKind::Other("a day such as 2024-06-15");

    fn parse(value: &Value) -> Option<Self> {
        Day::parse(value.as_str()?).map(Self)
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.to_string())
    }
}

struct QueryHints {
    understood: Understood,
    tag: String,
    relax: bool,
    access_paths: AccessPaths,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: QueryHintsParameters = parse_parameters(build)?;
    let QueryHintsParameters {
        tag, relax, time_tag, scene_tag, date_tag, hour_tag, today, access_paths, ..
    } = parameters;
    for (name, tag) in
        [("time_tag", &time_tag), ("scene_tag", &scene_tag), ("date_tag", &date_tag), ("hour_tag", &hour_tag)]
    {
        if tag.as_ref().is_some_and(|tag| tag.is_empty() || tag.contains('`')) {
            return Err(BuildError::parameter(name, "must be the name of a tag without backquotes, or null"));
        }
    }
    let vocabulary = Vocabulary::new(&parameters.vocabulary, &parameters.adjectives, &parameters.phrases)
        .map_err(|reason| BuildError::parameter("vocabulary", reason))?;
    let today = today.map(|Today(day)| day);
    let understood =
        Understood { time: time_tag, scene: scene_tag, date: date_tag, hour: hour_tag, today, vocabulary };
    Ok(Instance::new(QueryHints { understood, tag, relax, access_paths }))
}

impl Executor for QueryHints {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        call.for_each(&paths, |document| {
            self.read(document);
            Ok(())
        })
    }
}

impl QueryHints {
    fn read(&self, document: &mut Document) {
        let Some(text) = document.text.clone() else { return };
        if document.tags.get(&self.tag).is_some_and(|filter| !filter.is_null()) {
            return;
        }
        let words = Words::new(&text);
        let hints = hints(&words, &self.understood);
        if hints.is_empty() {
            return;
        }
        let expressions: Vec<String> = hints.iter().map(|hint| hint.condition.to_string()).collect();
        let reported = hints.iter().zip(&expressions).map(|(hint, filter)| report(&words, hint, filter));
        let reported: Vec<Value> = reported.collect();
        let filter = match self.relax {
            true => Value::from(expressions),
            false => Value::from(format!("({})", expressions.join(") and ("))),
        };
        let tags = document.tags_mut();
        tags.insert(self.tag.clone(), filter);
        tags.insert(HINTS_TAG.to_owned(), reported.into());
    }
}

fn report(words: &Words<'_>, hint: &Hint, filter: &str) -> Value {
    json!({"text": words.span(hint.from, hint.to), "filter": filter})
}
