//! Parsing of filters from JSON. Errors state the path in the filter, the cause and the valid alternatives.

use std::fmt;

use serde_json::Value;

use super::error::FilterError;
use super::expression::parse_expression;
use super::predicate::{Comparison, Filter, Predicate};
use super::scalar::Scalar;
use crate::ClientRegex;

/// Maximum number of conditions and values of a filter: every document is compared with each of them.
const CONDITIONS_MAX: usize = 1024;
/// Maximum nesting of filters; people write three or four levels.
const DEPTH_MAX: usize = 16;
/// Maximum number of regular expressions of a filter: each may take milliseconds to compile.
const EXPRESSIONS_MAX: usize = 16;

/// Operators of a field.
const OPERATORS: [&str; 13] =
    ["$eq", "$ne", "$neq", "$lt", "$lte", "$gt", "$gte", "$in", "$nin", "$regex", "$size", "$exists", "$not"];

/// Operators that combine filters.
const CONNECTIVES: [&str; 3] = ["$and", "$or", "$not"];

/// Validates the name of a field (`None`), or the name and a value that the field is compared with. The error is the
/// cause, as a phrase that follows the path in the filter.
pub type FieldCheck<'a> = dyn Fn(&str, Option<&Scalar>) -> Result<(), String> + 'a;

impl Filter {
    /// Parses a mapping, or an expression such as `t >= 300`. Every field and value has to pass `check`.
    ///
    /// ```
    /// use flowrun_sdk::{Document, filter::Filter};
    ///
    /// let filter = Filter::parse(&"tags__t >= 300".into(), &|_, _| Ok(()))?;
    /// assert!(filter.matches(&Document::new("a").with_tag("t", 301)));
    /// # Ok::<(), flowrun_sdk::filter::FilterError>(())
    /// ```
    ///
    /// # Errors
    /// [`FilterError`] for the first mistake.
    pub fn parse(value: &Value, check: &FieldCheck<'_>) -> Result<Self, FilterError> {
        let (path, mut parser) =
            (Path::default(), Parser { check, remaining: CONDITIONS_MAX, expressions: 0 });
        match value {
            Value::String(text) => {
                let mapping = parse_expression(text).map_err(|reason| path.error(reason))?;
                parser.filter(&mapping, &path)
            }
            value => parser.filter(value, &path),
        }
    }
}

/// Path in the filter.
#[derive(Clone, Default)]
struct Path(Vec<String>);

impl Path {
    fn join(&self, step: &str) -> Self {
        Self(self.0.iter().cloned().chain([step.to_owned()]).collect())
    }

    fn error(&self, reason: impl fmt::Display) -> FilterError {
        FilterError { path: self.0.clone(), reason: reason.to_string(), known: Vec::new() }
    }

    fn unknown_step(&self, reason: &str, known: &[&'static str]) -> FilterError {
        let reason = format!("{reason} {}", known.join(", "));
        FilterError { path: self.0.clone(), reason, known: known.to_vec() }
    }
}

struct Parser<'a> {
    check: &'a FieldCheck<'a>,
    /// Conditions and values that the filter may still have.
    remaining: usize,
    /// Regular expressions parsed so far.
    expressions: usize,
}

impl Parser<'_> {
    fn filter(&mut self, value: &Value, path: &Path) -> Result<Filter, FilterError> {
        self.count(1, path)?;
        let Some(conditions) = value.as_object() else {
            return Err(path.error("must be a mapping such as {\"price\": {\"$lt\": 5}}"));
        };
        let conditions = conditions.iter().map(|(name, value)| self.condition(name, value, &path.join(name)));
        conditions.collect::<Result<_, _>>().map(Filter::All)
    }

    fn condition(&mut self, name: &str, value: &Value, path: &Path) -> Result<Filter, FilterError> {
        match name {
            "$and" => self.filters(value, path).map(Filter::All),
            "$or" => self.filters(value, path).map(Filter::Any),
            "$not" if value.is_array() => Ok(Filter::Not(Box::new(Filter::All(self.filters(value, path)?)))),
            "$not" => Ok(Filter::Not(Box::new(self.filter(value, path)?))),
            name if name.starts_with('$') => Err(path
                .unknown_step("is not an operator here; write the name of a field, or one of", &CONNECTIVES)),
            field => self.field(field, value, path),
        }
    }

    /// Parses the filters of a list, or the conditions of a mapping.
    fn filters(&mut self, value: &Value, path: &Path) -> Result<Vec<Filter>, FilterError> {
        match value {
            Value::Array(filters) if !filters.is_empty() => {
                let numbered = filters.iter().enumerate();
                numbered
                    .map(|(number, filter)| self.filter(filter, &path.join(&number.to_string())))
                    .collect()
            }
            Value::Object(conditions) if !conditions.is_empty() => {
                self.count(conditions.len(), path)?;
                let condition =
                    |(name, value): (&String, &Value)| self.condition(name, value, &path.join(name));
                conditions.iter().map(condition).collect()
            }
            _ => Err(path.error("must be a list of at least one filter")),
        }
    }

    /// Parses the condition of one field: operators, or a value that it has to be equal to.
    fn field(&mut self, name: &str, value: &Value, path: &Path) -> Result<Filter, FilterError> {
        self.count(1, path)?;
        (self.check)(name, None).map_err(|reason| path.error(reason))?;
        let Some(operators) = value.as_object() else {
            return self.compare(name, Comparison::Equal, value, path);
        };
        if operators.is_empty() {
            return Err(path.error(format_args!("has no operator; write one of {}", OPERATORS.join(", "))));
        }
        let tests = operators.iter().map(|(operator, value)| {
            let path = path.join(operator);
            self.count(1, &path)?;
            self.operator(name, operator, value, &path)
        });
        tests.collect::<Result<_, _>>().map(Filter::All)
    }

    fn operator(
        &mut self,
        name: &str,
        operator: &str,
        value: &Value,
        path: &Path,
    ) -> Result<Filter, FilterError> {
        let mut compare = |comparison| self.compare(name, comparison, value, path);
        match operator {
            "$eq" => compare(Comparison::Equal),
            "$ne" | "$neq" => Ok(Filter::Not(Box::new(compare(Comparison::Equal)?))),
            "$lt" => compare(Comparison::Less),
            "$lte" => compare(Comparison::LessOrEqual),
            "$gt" => compare(Comparison::Greater),
            "$gte" => compare(Comparison::GreaterOrEqual),
            "$in" => self.one_of(name, value, path),
            "$nin" => Ok(Filter::Not(Box::new(self.one_of(name, value, path)?))),
            "$regex" => Ok(field_filter(name, self.regular_expression(value, path)?)),
            "$size" => {
                let size = value.as_f64().filter(|size| size.fract() == 0.0 && *size >= 0.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "it is a non-negative whole number, and `as` saturates"
                )]
                let size = size.map(|size| size as usize);
                let size = size.ok_or_else(|| path.error("must be a whole number"))?;
                Ok(field_filter(name, Predicate::Size(size)))
            }
            "$exists" => {
                let expected = value.as_bool().ok_or_else(|| path.error("must be true or false"))?;
                Ok(field_filter(name, Predicate::Exists(expected)))
            }
            "$not" if value.is_object() => Ok(Filter::Not(Box::new(self.field(name, value, path)?))),
            "$not" => Err(path.error(format_args!("must be a mapping with one of {}", OPERATORS.join(", ")))),
            _ => Err(path.unknown_step("is not an operator; write one of", &OPERATORS)),
        }
    }

    fn compare(
        &mut self,
        name: &str,
        comparison: Comparison,
        value: &Value,
        path: &Path,
    ) -> Result<Filter, FilterError> {
        Ok(field_filter(name, Predicate::Compare(comparison, self.value(name, value, path)?)))
    }

    fn one_of(&mut self, name: &str, values: &Value, path: &Path) -> Result<Filter, FilterError> {
        let values = values.as_array().ok_or_else(|| path.error("must be a list of values"))?;
        self.count(values.len(), path)?;
        let numbered = values.iter().enumerate();
        let value =
            |(number, value): (usize, &Value)| self.value(name, value, &path.join(&number.to_string()));
        Ok(field_filter(name, Predicate::OneOf(numbered.map(value).collect::<Result<_, _>>()?)))
    }

    fn value(&self, name: &str, value: &Value, path: &Path) -> Result<Scalar, FilterError> {
        let scalar = Scalar::from_json(value);
        let scalar = scalar.ok_or_else(|| path.error("must be a text, a number, true or false"))?;
        (self.check)(name, Some(&scalar)).map_err(|reason| path.error(reason))?;
        Ok(scalar)
    }

    fn regular_expression(&mut self, value: &Value, path: &Path) -> Result<Predicate, FilterError> {
        let text = value.as_str().ok_or_else(|| path.error("must be a text with a regular expression"))?;
        self.expressions += 1;
        if self.expressions > EXPRESSIONS_MAX {
            let reason =
                format_args!("is one more than the {EXPRESSIONS_MAX} regular expressions of one filter");
            return Err(path.error(reason));
        }
        let expression = ClientRegex::new(text).map_err(|reason| path.error(reason))?;
        Ok(Predicate::Matches(expression))
    }

    /// Counts conditions and values before they are parsed.
    fn count(&mut self, conditions: usize, path: &Path) -> Result<(), FilterError> {
        let error = |reason: String| FilterError { path: Vec::new(), reason, known: Vec::new() };
        if path.0.len() > DEPTH_MAX {
            let reason = format!("has filters that are nested deeper than the {DEPTH_MAX} steps allowed");
            return Err(error(reason));
        }
        let remaining = self.remaining.checked_sub(conditions);
        self.remaining = remaining.ok_or_else(|| {
            error(format!(
                "has more than the {CONDITIONS_MAX} conditions and values that one filter may have"
            ))
        })?;
        Ok(())
    }
}

fn field_filter(name: &str, test: Predicate) -> Filter {
    Filter::Field { name: name.to_owned(), test }
}
