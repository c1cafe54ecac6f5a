//! From JSON to a filter. An error names the place in the filter, what is wrong there, and what would do.

use flowrun_sdk::{ExecutorError, RequestParameters, Value};

use super::{Columns, Comparison, Filter, Scalar};

/// Conditions and values of one filter: every document is compared with each of them.
const CONDITIONS_MAX: usize = 1024;
/// How deep filters may stand in each other; people write three or four.
const DEPTH_MAX: usize = 16;
/// How much of a name is repeated in an error, in characters.
const SHOWN_MAX: usize = 60;

/// What can stand below a tag's name.
const OPERATORS: &str = "$eq, $ne, $lt, $lte, $gt, $gte, $in, $nin or $not";

impl Filter {
    /// The request parameter `filter`; `None` when there is none, or one that means every document.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Parameter`] when it is no filter, or not for these columns.
    pub(crate) fn of_request(
        parameters: &RequestParameters,
        columns: &Columns,
    ) -> Result<Option<Self>, ExecutorError> {
        match parameters.get("filter") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let filter = Parser { columns, left: CONDITIONS_MAX }.filter(value, &Place::default());
                let filter = filter.map_err(|reason| ExecutorError::parameter("filter", reason))?;
                Ok((filter != Self::EVERYTHING).then_some(filter))
            }
        }
    }
}

/// Where in the filter.
#[derive(Clone, Default)]
struct Place(Vec<String>);

impl Place {
    fn at(&self, step: &str) -> Self {
        let shown: String = step.chars().take(SHOWN_MAX).collect();
        Self(self.0.iter().cloned().chain([shown]).collect())
    }

    fn wrong(&self, reason: impl std::fmt::Display) -> String {
        if self.0.is_empty() { reason.to_string() } else { format!("`{}` {reason}", self.0.join(".")) }
    }
}

struct Parser<'a> {
    columns: &'a Columns,
    /// Conditions and values that may still come.
    left: usize,
}

impl Parser<'_> {
    fn filter(&mut self, value: &Value, place: &Place) -> Result<Filter, String> {
        self.count(1, place)?;
        let Some(conditions) = value.as_object() else {
            return Err(place.wrong("must be a mapping such as {\"price\": {\"$lt\": 5}}"));
        };
        let condition = |(name, value): (&String, &Value)| {
            let place = place.at(name);
            match name.as_str() {
                "$and" => self.filters(value, &place).map(Filter::All),
                "$or" => self.filters(value, &place).map(Filter::Any),
                "$not" => Ok(Filter::Not(Box::new(self.filter(value, &place)?))),
                name if name.starts_with('$') => {
                    Err(place.wrong("is no operator here; there are $and, $or, $not, and names of tags"))
                }
                tag => self.tag(tag, value, &place),
            }
        };
        conditions.iter().map(condition).collect::<Result<_, _>>().map(Filter::All)
    }

    fn filters(&mut self, value: &Value, place: &Place) -> Result<Vec<Filter>, String> {
        let filters = value.as_array().filter(|filters| !filters.is_empty());
        let filters = filters.ok_or_else(|| place.wrong("must be a list of at least one filter"))?;
        let numbered = filters.iter().enumerate();
        numbered.map(|(number, filter)| self.filter(filter, &place.at(&number.to_string()))).collect()
    }

    /// What is said of one tag: operators, or a value that it is to be equal to.
    fn tag(&mut self, tag: &str, value: &Value, place: &Place) -> Result<Filter, String> {
        self.count(1, place)?;
        self.columns.kind(tag).map_err(|reason| place.wrong(reason))?;
        let Some(operators) = value.as_object() else {
            return self.compare(tag, Comparison::Equal, value, place);
        };
        if operators.is_empty() {
            return Err(place.wrong(format_args!("says nothing; write one of {OPERATORS}")));
        }
        let operator = |(name, value): (&String, &Value)| {
            let place = place.at(name);
            self.count(1, &place)?;
            let mut compare = |comparison| self.compare(tag, comparison, value, &place);
            match name.as_str() {
                "$eq" => compare(Comparison::Equal),
                "$ne" | "$neq" => Ok(Filter::Not(Box::new(compare(Comparison::Equal)?))),
                "$lt" => compare(Comparison::Less),
                "$lte" => compare(Comparison::LessOrEqual),
                "$gt" => compare(Comparison::Greater),
                "$gte" => compare(Comparison::GreaterOrEqual),
                "$in" => self.one_of(tag, value, &place),
                "$nin" => Ok(Filter::Not(Box::new(self.one_of(tag, value, &place)?))),
                "$not" if value.is_object() => Ok(Filter::Not(Box::new(self.tag(tag, value, &place)?))),
                "$not" => Err(place.wrong(format_args!("must be a mapping with one of {OPERATORS}"))),
                _ => Err(place.wrong(format_args!("is no operator; there are {OPERATORS}"))),
            }
        };
        operators.iter().map(operator).collect::<Result<_, _>>().map(Filter::All)
    }

    fn compare(
        &mut self,
        tag: &str,
        comparison: Comparison,
        value: &Value,
        place: &Place,
    ) -> Result<Filter, String> {
        let value = self.value(tag, value, place)?;
        Ok(Filter::Compare { tag: tag.to_owned(), comparison, value })
    }

    fn one_of(&mut self, tag: &str, values: &Value, place: &Place) -> Result<Filter, String> {
        let values = values.as_array().ok_or_else(|| place.wrong("must be a list of values"))?;
        self.count(values.len(), place)?;
        let numbered = values.iter().enumerate();
        let value = |(number, value): (usize, &Value)| self.value(tag, value, &place.at(&number.to_string()));
        Ok(Filter::OneOf { tag: tag.to_owned(), values: numbered.map(value).collect::<Result<_, _>>()? })
    }

    fn value(&self, tag: &str, value: &Value, place: &Place) -> Result<Scalar, String> {
        let scalar = Scalar::of(value);
        let scalar = scalar.ok_or_else(|| place.wrong("must be a text, a number, true or false"))?;
        match self.columns.kind(tag)? {
            Some(kind) if !kind.takes(&scalar) => {
                Err(place.wrong(format_args!("must be {}, as `columns` says", kind.describe())))
            }
            _ => Ok(scalar),
        }
    }

    /// Counts what is about to be read.
    fn count(&mut self, conditions: usize, place: &Place) -> Result<(), String> {
        if place.0.len() > DEPTH_MAX {
            return Err(format!("has filters in filters deeper than the {DEPTH_MAX} steps allowed"));
        }
        let left = self.left.checked_sub(conditions);
        self.left = left.ok_or_else(|| {
            format!("has more than the {CONDITIONS_MAX} conditions and values that one filter may have")
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(filter: Value, columns: &Value) -> Result<Filter, String> {
        let parameters = [("filter".to_owned(), filter)].into_iter().collect();
        let filter = Filter::of_request(&parameters, &Columns::parse(columns).unwrap());
        filter.map(|filter| filter.unwrap_or(Filter::EVERYTHING)).map_err(|error| error.to_string())
    }

    fn passes(filter: Value, tags: Value) -> bool {
        parse(filter, &Value::Null).unwrap().passes(tags.as_object().unwrap())
    }

    #[test]
    fn every_operator_means_what_it_says() {
        let tags = json!({"n": 5, "t": "m", "b": true});
        let holding = [
            json!({}),
            json!({"n": 5}),
            json!({"n": {"$eq": 5.0}, "t": "m"}),
            json!({"n": {"$gt": 4, "$lt": 6}}),
            json!({"n": {"$gte": 5, "$lte": 5}}),
            json!({"t": {"$gt": "a"}}),
            json!({"b": true}),
            json!({"b": {"$gt": false}}),
            json!({"n": {"$in": [1, 5]}}),
            json!({"n": {"$nin": []}}),
            json!({"n": {"$ne": 4}}),
            json!({"n": {"$neq": 4}}),
            json!({"n": {"$not": {"$lt": 5}}}),
            json!({"$and": [{"n": 5}, {"t": "m"}]}),
            json!({"$or": [{"n": 4}, {"t": "m"}]}),
            json!({"$not": {"n": 4}}),
        ];
        for filter in holding {
            assert!(passes(filter.clone(), tags.clone()), "{filter}");
            assert!(!passes(json!({"$not": filter}), tags.clone()), "not {filter}");
        }
        // All conditions must hold, an `$or` among them.
        assert!(!passes(json!({"n": 4, "$or": [{"t": "m"}]}), tags));
    }

    #[test]
    fn a_tag_that_is_missing_or_of_another_type_is_only_unequal() {
        for tags in [json!({}), json!({"n": "5"}), json!({"n": null}), json!({"n": [5]}), json!({"n": true})]
        {
            for operator in ["$eq", "$lt", "$lte", "$gt", "$gte"] {
                assert!(!passes(json!({"n": {operator: 5}}), tags.clone()), "{operator} {tags}");
            }
            assert!(passes(json!({"n": {"$ne": 5}}), tags.clone()));
            assert!(passes(json!({"n": {"$nin": [5]}}), tags.clone()));
            assert!(!passes(json!({"n": {"$in": [5]}}), tags));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let columns = json!([["price", "float"], ["count", "int"], ["name", "str"], ["sold", "bool"]]);
        let refused = [
            (json!("price < 5"), "parameter `filter`: must be a mapping such as"),
            (json!({"prize": 5}), "`prize` is no column; `columns` has price, count, name, sold"),
            (json!({"$xor": []}), "`$xor` is no operator here; there are $and"),
            (
                json!({"$or": [{"price": 1}, {"price": {"$lt": "x"}}]}),
                "`$or.1.price.$lt` must be a number, as",
            ),
            (json!({"count": {"$in": [1, 1.5]}}), "`count.$in.1` must be an integer"),
            (json!({"name": 1}), "`name` must be a text, as"),
            (json!({"sold": 1}), "`sold` must be true or false"),
            (json!({"price": null}), "`price` must be a text, a number, true or false"),
            (json!({"price": {}}), "`price` says nothing; write one of $eq"),
            (json!({"price": {"$like": 1}}), "`price.$like` is no operator; there are $eq"),
            (json!({"price": {"$not": 1}}), "`price.$not` must be a mapping"),
            (json!({"price": {"$in": 1}}), "`price.$in` must be a list of values"),
            (json!({"$and": []}), "`$and` must be a list of at least one filter"),
            (json!({"$and": [1]}), "`$and.0` must be a mapping"),
            (json!({"count": {"$in": vec![1; 1024]}}), "more than the 1024 conditions"),
        ];
        for (filter, expected) in refused {
            let error = parse(filter.clone(), &columns).unwrap_err();
            assert!(error.contains(expected), "{filter}: {error}");
        }
        let deep = (0..17).fold(json!({}), |filter, _| json!({"$not": filter}));
        assert!(parse(deep, &columns).unwrap_err().contains("deeper than the 16"));
        let long = parse(json!({"x".repeat(1 << 20): 1}), &columns).unwrap_err();
        assert!(long.len() < 300, "{long}");
        assert!(parse(json!({"count": 2.0, "price": 2, "sold": {"$ne": true}}), &columns).is_ok());
    }

    #[test]
    fn columns_are_pairs_or_a_mapping() {
        for columns in [json!([["a", "int"]]), json!({"a": "int"}), json!([]), Value::Null] {
            assert!(Columns::parse(&columns).is_ok(), "{columns}");
        }
        for columns in [json!("a"), json!(["a"]), json!([["a"]]), json!([[1, "int"]])] {
            assert!(Columns::parse(&columns).unwrap_err().starts_with("must be a list"), "{columns}");
        }
        assert!(Columns::parse(&json!({"a": "date"})).unwrap_err().contains("the type of `a`"));
        let error = parse(json!({"a": 1}), &json!([])).unwrap_err();
        assert!(error.contains("`columns` has none"), "{error}");
    }
}
