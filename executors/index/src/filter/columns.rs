//! The tags that filters may name, and their types.

use flowrun_sdk::Value;

use super::Scalar;

/// The most columns that an executor may be told.
const COLUMNS_MAX: usize = 256;

/// The tags that filters may name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns(Option<Vec<(String, ColumnType)>>);

/// What values a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Integer,
    Number,
    Truth,
}

impl ColumnType {
    fn parse(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "str" | "string" | "text" => Some(Self::Text),
            "int" | "integer" => Some(Self::Integer),
            "float" | "number" => Some(Self::Number),
            "bool" | "boolean" => Some(Self::Truth),
            _ => None,
        }
    }

    /// What a value must be to be compared with the column.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Truth => "true or false",
        }
    }

    /// Whether a value can be compared with the column.
    pub(super) fn takes(self, value: &Scalar) -> bool {
        match (self, value) {
            (Self::Text, Scalar::Text(_)) | (Self::Number, Scalar::Number(_)) => true,
            (Self::Truth, Scalar::Truth(_)) => true,
            (Self::Integer, Scalar::Number(number)) => number.fract() == 0.0,
            _ => false,
        }
    }
}

impl Columns {
    /// Reads `[[name, type], …]` or `{name: type, …}`; null lets filters name any tag.
    ///
    /// # Errors
    /// What is wrong, and what would do.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        let pairs: Vec<(&Value, Option<&str>)> = match value {
            Value::Null => return Ok(Self(None)),
            Value::Object(columns) => {
                columns.iter().map(|(name, kind)| (kind, Some(name.as_str()))).collect()
            }
            Value::Array(columns) => columns.iter().map(pair).collect::<Option<_>>().ok_or(SHAPE)?,
            _ => return Err(SHAPE.to_owned()),
        };
        if pairs.len() > COLUMNS_MAX {
            return Err(format!("{} columns are more than the {COLUMNS_MAX} allowed", pairs.len()));
        }
        let column = |(kind, name): (&Value, Option<&str>)| {
            let name = name.ok_or(SHAPE)?;
            let parsed = ColumnType::parse(kind);
            let kind =
                parsed.ok_or_else(|| format!("the type of `{name}` must be str, int, float or bool"))?;
            Ok((name.to_owned(), kind))
        };
        pairs.into_iter().map(column).collect::<Result<_, String>>().map(|columns| Self(Some(columns)))
    }

    /// The type of a column; `None` where any tag may be named.
    ///
    /// # Errors
    /// Which columns there are, when this is none of them.
    pub(super) fn kind(&self, name: &str) -> Result<Option<ColumnType>, String> {
        let Some(columns) = &self.0 else { return Ok(None) };
        if let Some((_, kind)) = columns.iter().find(|(column, _)| column == name) {
            return Ok(Some(*kind));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        Err(format!(
            "is no column; `columns` has {}",
            if names.is_empty() { "none".into() } else { names.join(", ") }
        ))
    }
}

const SHAPE: &str =
    "must be a list of [name, type], or a mapping from names to types: str, int, float or bool";

/// The type and the name in `[name, type]`.
fn pair(column: &Value) -> Option<(&Value, Option<&str>)> {
    match column.as_array()?.as_slice() {
        [name, kind] => Some((kind, name.as_str())),
        _ => None,
    }
}
