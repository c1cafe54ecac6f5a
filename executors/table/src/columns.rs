//! Which column of a table is which field of a document.

use std::collections::BTreeSet;

use arrow_schema::{DataType, Field, Schema};

/// The column with what has no column of its own, as the JSON of a document. Only our own tables have it.
pub(crate) const REST: &str = "__document__";

/// The columns of a table, by their places.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) names: Vec<String>,
    pub(crate) vector: usize,
    /// What the other columns are.
    pub(crate) fields: Vec<(usize, Role)>,
}

/// What a column is that is not the vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What has no column of its own. It is read before all others, which say more.
    Rest,
    Id,
    ParentId,
    MimeType,
    Uri,
    Text,
    Blob,
    /// All tags in one: JSON or a struct.
    Tags,
    /// The tag of the column's name.
    Tag,
}

impl Columns {
    /// The columns of a table, the vector in that of this name when one is said.
    ///
    /// # Errors
    /// When there is no vector, it is not clear which column it is, or a field's column is of a type that it cannot have.
    pub(crate) fn find(schema: &Schema, vector_column: Option<&str>) -> Result<Self, String> {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(format!("there are two columns `{twice}`: give one another name"));
        }
        let fields: Vec<&Field> = fields.iter().map(AsRef::as_ref).collect();
        let vector = vector(&fields, vector_column)?;
        let others = fields.iter().enumerate().filter(|(place, _)| *place != vector);
        let mut roles =
            others.map(|(place, field)| Ok((place, role(field)?))).collect::<Result<Vec<_>, String>>()?;
        roles.sort_by_key(|(place, role)| match role {
            Role::Rest => (0, *place),
            Role::Tags => (1, *place),
            _ => (2, *place),
        });
        Ok(Self { names, vector, fields: roles })
    }

    pub(crate) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    pub(crate) fn vector_name(&self) -> &str {
        self.name(self.vector)
    }
}

/// Where the vector is.
fn vector(fields: &[&Field], wanted: Option<&str>) -> Result<usize, String> {
    let place = |name: &str| fields.iter().position(|field| field.name() == name);
    if let Some(name) = wanted {
        let place = place(name)
            .ok_or_else(|| format!("there is no column `{name}`; there are {}", listed(fields)))?;
        return match fields.get(place) {
            Some(field) if !is_vector(field.data_type()) => Err(format!(
                "column `{name}` is {}, and vectors are lists of floats; there are {}",
                field.data_type(),
                listed(fields)
            )),
            _ => Ok(place),
        };
    }
    let vectors: Vec<usize> =
        (0..).zip(fields).filter(|(_, field)| is_vector(field.data_type())).map(|(place, _)| place).collect();
    let usual = ["embedding", "vector"].into_iter().filter_map(place).find(|place| vectors.contains(place));
    match (usual, &vectors[..]) {
        (Some(place), _) | (None, &[place]) => Ok(place),
        (None, []) => Err(format!(
            "there is no vector, which would be a list of floats; the columns are {}",
            listed(fields)
        )),
        (None, several) => {
            let several: Vec<&Field> =
                several.iter().filter_map(|place| fields.get(*place).copied()).collect();
            let first = several.first().map_or("", |field| field.name());
            Err(format!(
                "it could be any of {} that is the vector: say which, as in --vector-column {first}",
                listed(&several)
            ))
        }
    }
}

/// Columns with their types, for people.
fn listed(fields: &[&Field]) -> String {
    /// Columns that are named; a table may have thousands.
    const LISTED: usize = 40;
    let mut listed: Vec<String> = fields
        .iter()
        .take(LISTED)
        .map(|field| format!("`{}` ({})", field.name(), field.data_type()))
        .collect();
    if fields.len() > LISTED {
        listed.push(format!("{} more", fields.len() - LISTED));
    }
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}

fn role(field: &Field) -> Result<Role, String> {
    let data_type = field.data_type();
    let (role, is_right, expected) = match field.name().as_str() {
        "id" => (Role::Id, is_text(data_type) || is_integer(data_type), "a text or an integer"),
        "parent_id" => (Role::ParentId, is_text(data_type) || is_integer(data_type), "a text or an integer"),
        "mime_type" => (Role::MimeType, is_text(data_type), "a text"),
        "uri" => (Role::Uri, is_text(data_type), "a text"),
        "text" => (Role::Text, is_text(data_type), "a text"),
        "blob" => (Role::Blob, is_binary(data_type), "binary"),
        "tags" => {
            let is_right = is_text(data_type) || matches!(data_type, DataType::Struct(_));
            (Role::Tags, is_right, "a struct, or the text of a JSON object")
        }
        REST => (Role::Rest, is_text(data_type), "the JSON of a document"),
        _ => return Ok(Role::Tag),
    };
    if is_right {
        return Ok(role);
    }
    let name = field.name();
    Err(format!(
        "column `{name}` is {data_type}, and must be {expected}: give the column another name, and it is a tag"
    ))
}

/// Whether a column of this type can be that of the vector.
fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            matches!(field.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64)
        }
        _ => false,
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
