//! Converts a cell to a vector.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// The vector of a cell that is a list of floats.
///
/// # Errors
/// When the cell is null or empty, or an element is not a finite 32-bit number.
pub(crate) fn vector(array: &dyn Array, row: usize) -> Result<Vec<f32>, String> {
    if array.is_null(row) {
        return Err(
            "there is no vector: leave the row out, or name the column of the vectors with --vector-column"
                .to_owned(),
        );
    }
    let elements: ArrayRef = match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        _ => array.as_fixed_size_list().value(row),
    };
    if elements.is_empty() {
        return Err("the vector is empty: leave the row out".to_owned());
    }
    if let Some(position) = (0..elements.len()).find(|position| elements.is_null(*position)) {
        return Err(format!("element {position} of the vector is null: leave the row out"));
    }
    let vector: Vec<f32> = match elements.data_type() {
        DataType::Float16 => {
            elements.as_primitive::<Float16Type>().values().iter().map(|element| element.to_f32()).collect()
        }
        DataType::Float32 => elements.as_primitive::<Float32Type>().values().to_vec(),
        #[expect(clippy::cast_possible_truncation, reason = "vectors have single precision")]
        _ => elements.as_primitive::<Float64Type>().values().iter().map(|element| *element as f32).collect(),
    };
    match (0..).zip(&vector).find(|(_, element)| !element.is_finite()) {
        None => Ok(vector),
        Some((position, element)) if element.is_nan() => {
            Err(format!("element {position} of the vector is not a number (NaN): leave the row out"))
        }
        Some((position, _)) => Err(format!(
            "element {position} of the vector is infinite or above 3.4e38, the largest 32-bit number: leave the row out"
        )),
    }
}
