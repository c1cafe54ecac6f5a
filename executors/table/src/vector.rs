//! Converts a cell to a vector.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// The vector of a cell that is a list of numbers. Numbers that single precision does not represent are rounded to the nearest.
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
    let vector = single_precision(&elements);
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

/// The numbers of an array in single precision.
fn single_precision(numbers: &dyn Array) -> Vec<f32> {
    macro_rules! cast {
        ($kind:ty) => {
            numbers.as_primitive::<$kind>().values().iter().map(|number| *number as f32).collect()
        };
    }
    match numbers.data_type() {
        DataType::Float16 => {
            numbers.as_primitive::<Float16Type>().values().iter().map(|number| number.to_f32()).collect()
        }
        DataType::Float32 => numbers.as_primitive::<Float32Type>().values().to_vec(),
        DataType::Int8 => cast!(Int8Type),
        DataType::Int16 => cast!(Int16Type),
        DataType::Int32 => cast!(Int32Type),
        DataType::Int64 => cast!(Int64Type),
        DataType::UInt8 => cast!(UInt8Type),
        DataType::UInt16 => cast!(UInt16Type),
        DataType::UInt32 => cast!(UInt32Type),
        DataType::UInt64 => cast!(UInt64Type),
        _ => cast!(Float64Type),
    }
}
