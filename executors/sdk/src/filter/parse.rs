//! From JSON to a filter. An error names the place in the filter, what is wrong there, and what would do.

use std::fmt;

use regex::RegexBuilder;
use serde_json::Value;

use super::{Comparison, Filter, Predicate, Scalar};

/// Conditions and values of one filter: every document is compared with each of them.
const CONDITIONS_MAX: usize = 1024;
/// How deep filters may stand in each other; people write three or four.
const DEPTH_MAX: usize = 16;
/// How much of a name is repeated in an error, in characters.
const SHOWN_MAX: usize = 60;
/// Bytes that a compiled expression may take. Searching takes time in proportion to the text, whatever it says.
const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// What can stand below the name of a field.
const OPERATORS: [&str; 13] =
    ["$eq", "$ne", "$neq", "$lt", "$lte", "$gt", "$gte", "$in", "$nin", "$regex", "$size", "$exists", "$not"];

/// What can stand beside the names of fields.
const CONNECTIVES: [&str; 3] = ["$and", "$or", "$not"];

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The steps that lead to the place: keys, and positions in lists.
    pub place: Vec<String>,
    /// What is wrong there.
    pub reason: String,
    /// What could stand there instead of the last step, if that is what is wrong.
    pub known: Vec<&'static str>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |step: &String| step.chars().take(SHOWN_MAX).collect::<String>();
        match self.place.is_empty() {
            true => f.write_str(&self.reason),
            false => {
                let place: Vec<String> = self.place.iter().map(shown).collect();
                write!(f, "`{}` {}", place.join("."), self.reason)
            }
        }
    }
}

impl std::error::Error for FilterError {}

/// Says what is wrong with a field of that name, or with a value that it is to be compared with.
pub type FieldCheck<'a> = dyn Fn(&str, Option<&Scalar>) -> Result<(), String> + 'a;

impl Filter {
    /// The filter that a value describes, a mapping or an expression such as `t >= 300`, if its fields and values pass `check`.
    ///
    /// # Errors
    /// When it is no filter, or names fields and values that will not do.
    pub fn parse(value: &Value, check: &FieldCheck<'_>) -> Result<Self, FilterError> {
        let (place, mut parser) = (Place::default(), Parser { check, left: CONDITIONS_MAX });
        match value {
            Value::String(text) => {
                let mapping = super::expression::read(text).map_err(|reason| place.wrong(reason))?;
                parser.filter(&mapping, &place)
            }
            value => parser.filter(value, &place),
        }
    }
}

/// Where in the filter.
#[derive(Clone, Default)]
struct Place(Vec<String>);

impl Place {
    fn at(&self, step: &str) -> Self {
        Self(self.0.iter().cloned().chain([step.to_owned()]).collect())
    }

    fn wrong(&self, reason: impl fmt::Display) -> FilterError {
        FilterError { place: self.0.clone(), reason: reason.to_string(), known: Vec::new() }
    }

    fn unknown(&self, reason: &str, known: &[&'static str]) -> FilterError {
        let reason = format!("{reason} {}", known.join(", "));
        FilterError { place: self.0.clone(), reason, known: known.to_vec() }
    }
}

struct Parser<'a> {
    check: &'a FieldCheck<'a>,
    /// Conditions and values that may still come.
    left: usize,
}

impl Parser<'_> {
    fn filter(&mut self, value: &Value, place: &Place) -> Result<Filter, FilterError> {
        self.count(1, place)?;
        let Some(conditions) = value.as_object() else {
            return Err(place.wrong("must be a mapping such as {\"price\": {\"$lt\": 5}}"));
        };
        let conditions = conditions.iter().map(|(name, value)| self.condition(name, value, &place.at(name)));
        conditions.collect::<Result<_, _>>().map(Filter::All)
    }

    fn condition(&mut self, name: &str, value: &Value, place: &Place) -> Result<Filter, FilterError> {
        match name {
            "$and" => self.filters(value, place).map(Filter::All),
            "$or" => self.filters(value, place).map(Filter::Any),
            "$not" if value.is_array() => Ok(Filter::Not(Box::new(Filter::All(self.filters(value, place)?)))),
            "$not" => Ok(Filter::Not(Box::new(self.filter(value, place)?))),
            name if name.starts_with('$') => {
                Err(place.unknown("is no operator here; there are names of fields, and", &CONNECTIVES))
            }
            field => self.field(field, value, place),
        }
    }

    /// The filters of a list, or the conditions of a mapping, each by itself.
    fn filters(&mut self, value: &Value, place: &Place) -> Result<Vec<Filter>, FilterError> {
        match value {
            Value::Array(filters) if !filters.is_empty() => {
                let numbered = filters.iter().enumerate();
                numbered.map(|(number, filter)| self.filter(filter, &place.at(&number.to_string()))).collect()
            }
            Value::Object(conditions) if !conditions.is_empty() => {
                self.count(conditions.len(), place)?;
                let condition =
                    |(name, value): (&String, &Value)| self.condition(name, value, &place.at(name));
                conditions.iter().map(condition).collect()
            }
            _ => Err(place.wrong("must be a list of at least one filter")),
        }
    }

    /// What is said of one field: operators, or a value that it is to be equal to.
    fn field(&mut self, name: &str, value: &Value, place: &Place) -> Result<Filter, FilterError> {
        self.count(1, place)?;
        (self.check)(name, None).map_err(|reason| place.wrong(reason))?;
        let Some(operators) = value.as_object() else {
            return self.compare(name, Comparison::Equal, value, place);
        };
        if operators.is_empty() {
            return Err(place.wrong(format_args!("says nothing; write one of {}", OPERATORS.join(", "))));
        }
        let tests = operators.iter().map(|(operator, value)| {
            let place = place.at(operator);
            self.count(1, &place)?;
            self.operator(name, operator, value, &place)
        });
        tests.collect::<Result<_, _>>().map(Filter::All)
    }

    fn operator(
        &mut self,
        name: &str,
        operator: &str,
        value: &Value,
        place: &Place,
    ) -> Result<Filter, FilterError> {
        let mut compare = |comparison| self.compare(name, comparison, value, place);
        match operator {
            "$eq" => compare(Comparison::Equal),
            "$ne" | "$neq" => Ok(Filter::Not(Box::new(compare(Comparison::Equal)?))),
            "$lt" => compare(Comparison::Less),
            "$lte" => compare(Comparison::LessOrEqual),
            "$gt" => compare(Comparison::Greater),
            "$gte" => compare(Comparison::GreaterOrEqual),
            "$in" => self.one_of(name, value, place),
            "$nin" => Ok(Filter::Not(Box::new(self.one_of(name, value, place)?))),
            "$regex" => Ok(test(name, expression(value, place)?)),
            "$size" => {
                let size = value.as_f64().filter(|size| size.fract() == 0.0 && *size >= 0.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is a whole number that is not negative, and `as` saturates"
                )]
                let size = size.map(|size| size as usize);
                let size = size.ok_or_else(|| place.wrong("must be a whole number"))?;
                Ok(test(name, Predicate::Size(size)))
            }
            "$exists" => {
                let expected = value.as_bool().ok_or_else(|| place.wrong("must be true or false"))?;
                Ok(test(name, Predicate::Exists(expected)))
            }
            "$not" if value.is_object() => Ok(Filter::Not(Box::new(self.field(name, value, place)?))),
            "$not" => {
                Err(place.wrong(format_args!("must be a mapping with one of {}", OPERATORS.join(", "))))
            }
            _ => Err(place.unknown("is no operator; there are", &OPERATORS)),
        }
    }

    fn compare(
        &mut self,
        name: &str,
        comparison: Comparison,
        value: &Value,
        place: &Place,
    ) -> Result<Filter, FilterError> {
        Ok(test(name, Predicate::Compare(comparison, self.value(name, value, place)?)))
    }

    fn one_of(&mut self, name: &str, values: &Value, place: &Place) -> Result<Filter, FilterError> {
        let values = values.as_array().ok_or_else(|| place.wrong("must be a list of values"))?;
        self.count(values.len(), place)?;
        let numbered = values.iter().enumerate();
        let value =
            |(number, value): (usize, &Value)| self.value(name, value, &place.at(&number.to_string()));
        Ok(test(name, Predicate::OneOf(numbered.map(value).collect::<Result<_, _>>()?)))
    }

    fn value(&self, name: &str, value: &Value, place: &Place) -> Result<Scalar, FilterError> {
        let scalar = Scalar::from_json(value);
        let scalar = scalar.ok_or_else(|| place.wrong("must be a text, a number, true or false"))?;
        (self.check)(name, Some(&scalar)).map_err(|reason| place.wrong(reason))?;
        Ok(scalar)
    }

    /// Counts what is about to be read.
    fn count(&mut self, conditions: usize, place: &Place) -> Result<(), FilterError> {
        let whole = |reason: String| FilterError { place: Vec::new(), reason, known: Vec::new() };
        if place.0.len() > DEPTH_MAX {
            let reason = format!("has filters in filters deeper than the {DEPTH_MAX} steps allowed");
            return Err(whole(reason));
        }
        let left = self.left.checked_sub(conditions);
        self.left = left.ok_or_else(|| {
            whole(format!(
                "has more than the {CONDITIONS_MAX} conditions and values that one filter may have"
            ))
        })?;
        Ok(())
    }
}

fn test(name: &str, test: Predicate) -> Filter {
    Filter::Field { name: name.to_owned(), test }
}

fn expression(value: &Value, place: &Place) -> Result<Predicate, FilterError> {
    let text = value.as_str().ok_or_else(|| place.wrong("must be a text with a regular expression"))?;
    let built = RegexBuilder::new(text).size_limit(EXPRESSION_BYTES_MAX).build();
    built.map(|built| Predicate::Matches(Box::new(built))).map_err(|error| {
        let last = error.to_string();
        place.wrong(format_args!(
            "is not a regular expression: {}",
            last.lines().last().unwrap_or_default().trim()
        ))
    })
}
