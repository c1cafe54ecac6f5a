//! From a row of a batch to a document.

use arrow_array::{Array, RecordBatch};
use flowrun_sdk::{Document, Tags, Value};

use crate::columns::{Columns, Role};
use crate::value::{bytes, value};
use crate::vector::vector;

/// Why a row is no document.
#[derive(Debug)]
pub(crate) struct CellError<'a> {
    pub(crate) column: &'a str,
    pub(crate) reason: String,
}

impl Columns {
    /// The document in a row, and its vector.
    ///
    /// # Errors
    /// When a cell holds what its field cannot.
    pub(crate) fn document(
        &self,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<(Document, Vec<f32>), CellError<'_>> {
        let mut document = Document::default();
        for (place, role) in &self.fields {
            let column = self.name(*place);
            let Some(array) = batch.columns().get(*place) else { continue };
            set(&mut document, *role, column, array, row).map_err(|reason| CellError { column, reason })?;
        }
        let column = self.vector_name();
        let array = batch.columns().get(self.vector);
        let vector = array.map_or_else(|| Err("it is missing".to_owned()), |array| vector(array, row));
        Ok((document, vector.map_err(|reason| CellError { column, reason })?))
    }
}

/// Sets what a cell says.
fn set(
    document: &mut Document,
    role: Role,
    column: &str,
    array: &dyn Array,
    row: usize,
) -> Result<(), String> {
    match role {
        Role::Rest => {
            if let Some(json) = text(array, row)? {
                let rest = serde_json::from_str(&json).map_err(|error| error.to_string())?;
                *document = Document::from_json(&rest).map_err(|error| error.to_string())?;
            }
        }
        Role::Id => {
            let id = text(array, row)?.filter(|id| !id.is_empty());
            document.id = id.ok_or("it is empty, and every document needs an id: leave the row out")?;
        }
        Role::ParentId => document.parent_id = text(array, row)?.unwrap_or_default(),
        Role::MimeType => document.mime_type = text(array, row)?.unwrap_or_default(),
        Role::Uri => document.uri = text(array, row)?.unwrap_or_default(),
        Role::Text => document.text = text(array, row)?.map(Into::into),
        Role::Blob => document.blob = bytes(array, row).map(Into::into),
        Role::Tags => put_tags(document.tags_mut(), value(array, row)?)?,
        Role::Tag => match value(array, row)? {
            Value::Null => {}
            value => _ = document.tags_mut().insert(column.to_owned(), value),
        },
    }
    Ok(())
}

/// The text in a cell, or the digits of the integer in it.
fn text(array: &dyn Array, row: usize) -> Result<Option<String>, String> {
    Ok(match value(array, row)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    })
}

/// Puts tags that are in one cell: an object, or its JSON.
fn put_tags(tags: &mut Tags, value: Value) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::Object(entries) => {
            tags.extend(entries);
            Ok(())
        }
        Value::String(json) => match serde_json::from_str(&json) {
            Ok(Value::String(_)) => {
                Err("it must be the text of a JSON object, and is that of a text".to_owned())
            }
            Ok(value) => put_tags(tags, value),
            Err(error) => Err(format!("it must be the text of a JSON object: {error}")),
        },
        _ => Err("it must be the text of a JSON object".to_owned()),
    }
}
