//! The parameter `columns`: the tags that filters may name, and their types.

use flowrun_sdk::filter::{Filter, FilterError, Scalar, without_tags_prefix};
use flowrun_sdk::{ExecutorError, RequestParameters, Value};

/// Largest number of columns.
const COLUMNS_MAX: usize = 256;

/// Tags that filters may name, with their types; `None` allows any tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns(Option<Vec<(String, ColumnType)>>);

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnType {
    Text,
    Integer,
    Number,
    Boolean,
}

impl ColumnType {
    fn parse(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "str" | "string" | "text" => Some(Self::Text),
            "int" | "integer" => Some(Self::Integer),
            "float" | "number" => Some(Self::Number),
            "bool" | "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }

    /// Required type of a value, for error messages.
    fn describe(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        }
    }

    /// True if a value can be compared with the column.
    fn accepts(self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::Text, Scalar::Text(_)) | (Self::Number, Scalar::Number(_)) => true,
            (Self::Boolean, Scalar::Bool(_)) => true,
            (Self::Integer, Scalar::Number(number)) => number.fract() == 0.0,
            _ => false,
        }
    }
}

impl Columns {
    /// Parses `[[name, type], …]` or `{name: type, …}`; null allows any tag.
    ///
    /// # Errors
    /// A message with the accepted forms, the column whose type is unknown, or the largest number of columns.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        let pairs: Vec<(&Value, Option<&str>)> = match value {
            Value::Null => return Ok(Self(None)),
            Value::Object(columns) => {
                columns.iter().map(|(name, column_type)| (column_type, Some(name.as_str()))).collect()
            }
            Value::Array(columns) => columns.iter().map(pair).collect::<Option<_>>().ok_or(SHAPE)?,
            _ => return Err(SHAPE.to_owned()),
        };
        if pairs.len() > COLUMNS_MAX {
            return Err(format!("{} columns are more than the {COLUMNS_MAX} allowed", pairs.len()));
        }
        let column = |(column_type, name): (&Value, Option<&str>)| {
            let name = name.ok_or(SHAPE)?;
            let parsed = ColumnType::parse(column_type);
            let column_type =
                parsed.ok_or_else(|| format!("the type of `{name}` must be str, int, float or bool"))?;
            Ok((name.to_owned(), column_type))
        };
        pairs.into_iter().map(column).collect::<Result<_, String>>().map(|columns| Self(Some(columns)))
    }

    /// Names of the columns; empty when any tag is allowed.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// Returns whether filters may name any tag.
    pub(crate) fn allow_any(&self) -> bool {
        self.0.is_none()
    }

    /// Parses the request parameter `filter`; `None` when it is missing or matches every document.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Parameter`] when it is not a filter, or does not fit the columns.
    pub(crate) fn filter(&self, parameters: &RequestParameters) -> Result<Option<Filter>, ExecutorError> {
        match parameters.get("filter") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                self.parse_filter(value).map_err(|error| ExecutorError::parameter("filter", error))
            }
        }
    }

    /// Parses a filter; `None` when it matches every document.
    ///
    /// # Errors
    /// When it is not a filter, or does not fit the columns.
    pub(crate) fn parse_filter(&self, value: &Value) -> Result<Option<Filter>, FilterError> {
        let check = |name: &str, value: Option<&Scalar>| match (self.type_of(name)?, value) {
            (Some(column_type), Some(value)) if !column_type.accepts(value) => {
                Err(format!("must be {}, as configured in `columns`", column_type.describe()))
            }
            _ => Ok(()),
        };
        let filter = Filter::parse(value, &check)?;
        Ok((filter != Filter::MATCH_ALL).then_some(filter))
    }

    /// Type of the column `name`; `None` when any tag is allowed.
    ///
    /// # Errors
    /// A message that lists the columns, when `name` is not one of them.
    fn type_of(&self, name: &str) -> Result<Option<ColumnType>, String> {
        let Some(columns) = &self.0 else { return Ok(None) };
        let spellings = std::iter::once(name).chain(without_tags_prefix(name));
        let column = |name: &str| columns.iter().find(|(column, _)| column == name);
        if let Some((_, column_type)) = spellings.filter_map(column).next() {
            return Ok(Some(*column_type));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        Err(format!(
            "is not a column; `columns` has {}",
            if names.is_empty() { "none".into() } else { names.join(", ") }
        ))
    }
}

const SHAPE: &str =
    "must be a list of [name, type], or a mapping from names to types: str, int, float or bool";

/// Type and name in `[name, type]`.
fn pair(column: &Value) -> Option<(&Value, Option<&str>)> {
    match column.as_array()?.as_slice() {
        [name, column_type] => Some((column_type, name.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(filter: Value, columns: &Value) -> Result<Filter, String> {
        let parameters = [("filter".to_owned(), filter)].into_iter().collect();
        let filter = Columns::parse(columns).unwrap().filter(&parameters);
        filter.map(|filter| filter.unwrap_or(Filter::MATCH_ALL)).map_err(|error| error.to_string())
    }

    #[test]
    fn errors_name_the_path_in_the_filter() {
        let columns = json!([["price", "float"], ["count", "int"], ["name", "str"], ["sold", "bool"]]);
        let refused = [
            (json!(5), "parameter `filter`: must be a mapping such as"),
            (json!("price < "), "parameter `filter`: has the end where a number"),
            (json!("prize < 5"), "`prize` is not a column; `columns` has price"),
            (json!({"prize": 5}), "`prize` is not a column; `columns` has price, count, name, sold"),
            (
                json!({"$xor": []}),
                "`$xor` is not an operator here; write the name of a field, or one of $and",
            ),
            (
                json!({"$or": [{"price": 1}, {"price": {"$lt": "x"}}]}),
                "`$or.1.price.$lt` must be a number, as",
            ),
            (json!({"count": {"$in": [1, 1.5]}}), "`count.$in.1` must be an integer"),
            (json!({"name": 1}), "`name` must be a text, as"),
            (json!({"sold": 1}), "`sold` must be true or false"),
            (json!({"price": null}), "`price` must be a text, a number, true or false"),
            (json!({"price": {}}), "`price` has no operator; write one of $eq"),
            (json!({"price": {"$like": 1}}), "`price.$like` is not an operator; write one of $eq"),
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
        assert!(parse(json!({"tags__count": 2, "tags.price": 2}), &columns).is_ok());
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
