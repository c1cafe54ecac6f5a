//! Mapping from columns of a table to fields of a document.

use std::collections::BTreeSet;

use arrow_schema::{DataType, Field, Schema};

/// Column with the JSON of the fields that have no column. Only tables written by this crate have it.
pub(crate) const REST: &str = "__document__";

/// Columns of a table by position.
#[derive(Debug)]
pub(crate) struct Columns {
    /// Names of all columns.
    pub(crate) names: Vec<String>,
    /// Position of the vector column.
    pub(crate) vector: usize,
    /// Position and role of all other columns, in the order in which they are applied.
    pub(crate) fields: Vec<(usize, Role)>,
}

/// Role of a column other than the vector: a field of the document, named like the variant, unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Fields without a column, as JSON. Applied first: other columns override it.
    Rest,
    Id,
    ParentId,
    MimeType,
    Uri,
    Text,
    Blob,
    /// All tags, as JSON or a struct.
    Tags,
    /// One tag, named like the column.
    Tag,
}

impl Columns {
    /// Maps the columns of a table. `vector_column` names the column of the vector.
    ///
    /// # Errors
    /// When two columns have the same name, there is no vector column, several columns could be it, or a column has a type
    /// that its field does not support.
    pub(crate) fn find(schema: &Schema, vector_column: Option<&str>) -> Result<Self, String> {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let mut seen = BTreeSet::new();
        if let Some(duplicate) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(format!("there are two columns `{duplicate}`: rename one"));
        }
        let fields: Vec<&Field> = fields.iter().map(AsRef::as_ref).collect();
        let vector = find_vector(&fields, vector_column)?;
        let others = fields.iter().enumerate().filter(|(position, _)| *position != vector);
        let mut roles = others
            .map(|(position, field)| Ok((position, role(field)?)))
            .collect::<Result<Vec<_>, String>>()?;
        roles.sort_by_key(|(position, role)| match role {
            Role::Rest => (0, *position),
            Role::Tags => (1, *position),
            _ => (2, *position),
        });
        Ok(Self { names, vector, fields: roles })
    }

    /// Name of a column; empty past the last one.
    pub(crate) fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("", String::as_str)
    }

    pub(crate) fn vector_name(&self) -> &str {
        self.name(self.vector)
    }
}

/// Position of the vector column.
fn find_vector(fields: &[&Field], vector_column: Option<&str>) -> Result<usize, String> {
    let position_of = |name: &str| fields.iter().position(|field| field.name() == name);
    if let Some(name) = vector_column {
        let position = position_of(name)
            .ok_or_else(|| format!("there is no column `{name}`; there are {}", listed(fields)))?;
        return match fields.get(position) {
            Some(field) if !can_be_vector(field.data_type()) => Err(format!(
                "column `{name}` is {}, but vectors are lists of numbers; there are {}",
                field.data_type(),
                listed(fields)
            )),
            _ => Ok(position),
        };
    }
    let vectors: Vec<usize> = (0..)
        .zip(fields)
        .filter(|(_, field)| is_vector(field.data_type()))
        .map(|(position, _)| position)
        .collect();
    let default = ["embedding", "vector"]
        .into_iter()
        .filter_map(position_of)
        .find(|position| fields.get(*position).is_some_and(|field| can_be_vector(field.data_type())));
    match (default, &vectors[..]) {
        (Some(position), _) | (None, &[position]) => Ok(position),
        (None, []) => Err(format!(
            "there is no vector, a list of floats, or of integers in a column `embedding`; the columns are {}",
            listed(fields)
        )),
        (None, several) => {
            let several: Vec<&Field> =
                several.iter().filter_map(|position| fields.get(*position).copied()).collect();
            let first = several.first().map_or("", |field| field.name());
            Err(format!(
                "the vector could be any of {}: choose one, such as --vector-column {first}",
                listed(&several)
            ))
        }
    }
}

/// Columns with their types, for error messages.
fn listed(fields: &[&Field]) -> String {
    /// Largest number of columns that are listed; a table may have thousands.
    const LISTED_MAX: usize = 40;
    let mut listed: Vec<String> = fields
        .iter()
        .take(LISTED_MAX)
        .map(|field| format!("`{}` ({})", field.name(), field.data_type()))
        .collect();
    if fields.len() > LISTED_MAX {
        listed.push(format!("{} more", fields.len() - LISTED_MAX));
    }
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}

/// Role of a column, by its name.
fn role(field: &Field) -> Result<Role, String> {
    let data_type = field.data_type();
    let (role, is_supported, expected) = match field.name().as_str() {
        "id" => (Role::Id, is_text(data_type) || is_integer(data_type), "a text or an integer"),
        "parent_id" => (Role::ParentId, is_text(data_type) || is_integer(data_type), "a text or an integer"),
        "mime_type" => (Role::MimeType, is_text(data_type), "a text"),
        "uri" => (Role::Uri, is_text(data_type), "a text"),
        "text" => (Role::Text, is_text(data_type), "a text"),
        "blob" => (Role::Blob, is_binary(data_type), "binary"),
        "tags" if is_list(data_type) => return Ok(Role::Tag),
        "tags" => {
            let is_supported = is_text(data_type) || matches!(data_type, DataType::Struct(_));
            (Role::Tags, is_supported, "a struct, or the text of a JSON object")
        }
        REST => (Role::Rest, is_text(data_type), "the JSON of a document"),
        _ => return Ok(Role::Tag),
    };
    if is_supported {
        return Ok(role);
    }
    let name = field.name();
    Err(format!(
        "column `{name}` is {data_type}, but must be {expected}: rename the column to import it as a tag"
    ))
}

/// True if a column of this type holds vectors, whatever its name: a list of floats.
fn is_vector(data_type: &DataType) -> bool {
    item_type(data_type).is_some_and(DataType::is_floating)
}

/// True if a column of this type can hold vectors: a list of numbers.
fn can_be_vector(data_type: &DataType) -> bool {
    item_type(data_type).is_some_and(|item| item.is_floating() || item.is_integer())
}

fn is_list(data_type: &DataType) -> bool {
    item_type(data_type).is_some()
}

/// Type of the items of a list.
fn item_type(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_integer(value),
        _ => data_type.is_integer(),
    }
}

fn is_binary(data_type: &DataType) -> bool {
    match data_type {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Null => true,
        DataType::Dictionary(_, value) => is_binary(value),
        _ => false,
    }
}
