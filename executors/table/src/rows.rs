//! Converts rows of a batch to documents.

use arrow_array::{Array, RecordBatch};
use flowrun_sdk::{Document, Tags, Value};

use crate::columns::{Columns, Role};
use crate::value::{bytes, value};
use crate::vector::vector;

/// An invalid cell.
#[derive(Debug)]
pub(crate) struct CellError<'a> {
    pub(crate) column: &'a str,
    pub(crate) reason: String,
}

impl Columns {
    /// The document of a row, and its vector.
    ///
    /// # Errors
    /// When a cell has a value that its field does not support.
    pub(crate) fn document(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<(Document, Vec<f32>), CellError<'_>> {
        let mut document = Document::default();
        for (position, role) in &self.fields {
            let column = self.name(*position);
            let Some(array) = batch.columns().get(*position) else { continue };
            set_field(&mut document, *role, column, array, row)
                .map_err(|reason| CellError { column, reason })?;
        }
        let column = self.vector_name();
        let array = batch.columns().get(self.vector);
        let vector = array.map_or_else(|| Err("it is missing".to_owned()), |array| vector(array, row));
        Ok((document, vector.map_err(|reason| CellError { column, reason })?))
    }
}

/// Sets the field of a cell.
fn set_field(
    document: &mut Document,
    role: Role,
    column: &str,
    array: &dyn Array,
    row: usize,
) -> Result<(), String> {
    match role {
        Role::Rest => {
            if let Some(json) = text(array, row)? {
                let value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
                *document = Document::from_json(&value).map_err(|error| error.to_string())?;
            }
        }
        Role::Id => {
            let id = text(array, row)?.filter(|id| !id.is_empty());
            document.id = id.ok_or("it is empty, but every document needs an id: leave the row out")?;
        }
        Role::ParentId => document.parent_id = text(array, row)?.unwrap_or_default(),
        Role::MimeType => document.mime_type = text(array, row)?.unwrap_or_default(),
        Role::Uri => document.uri = text(array, row)?.unwrap_or_default(),
        Role::Text => document.text = text(array, row)?.map(Into::into),
        Role::Blob => document.blob = bytes(array, row).map(Into::into),
        Role::Tags => set_tags(document.tags_mut(), value(array, row)?)?,
        Role::Tag => match value(array, row)? {
            Value::Null => {}
            value => _ = document.tags_mut().insert(column.to_owned(), value),
        },
    }
    Ok(())
}

/// Text of a cell, or the digits of an integer.
fn text(array: &dyn Array, row: usize) -> Result<Option<String>, String> {
    Ok(match value(array, row)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Sets all tags from one cell: an object, or the JSON of one.
fn set_tags(tags: &mut Tags, value: Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::Object(entries) => {
            tags.extend(entries);
            Ok(())
        }
        Value::String(json) => match serde_json::from_str(&json) {
            Ok(Value::String(_)) => {
                Err("it must be the text of a JSON object, but is that of a string".to_owned())
            }
            Ok(value) => set_tags(tags, value),
            Err(error) => Err(format!("it must be the text of a JSON object: {error}")),
        },
        _ => Err("it must be the text of a JSON object".to_owned()),
    }
}
