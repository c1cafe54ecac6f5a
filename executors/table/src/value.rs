//! Converts cells to JSON, the type of tags.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, StructArray};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowrun_sdk::{Tags, Value};

/// Largest magnitude of an integer that becomes a number. Larger integers become texts of their digits: numbers of tags are
/// doubles, which would round them.
const INTEGER_MAX: u64 = 1 << 53;

/// JSON value of a cell. Numbers that JSON does not support (infinite, NaN) become null.
///
/// # Errors
/// When the type is not supported, or a time is out of range.
pub(crate) fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    macro_rules! at {
        ($type:ty) => {
            array.as_primitive::<$type>().value(row)
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => at!(Int8Type).into(),
        DataType::Int16 => at!(Int16Type).into(),
        DataType::Int32 => at!(Int32Type).into(),
        DataType::Int64 => integer(at!(Int64Type), at!(Int64Type).unsigned_abs()),
        DataType::UInt8 => at!(UInt8Type).into(),
        DataType::UInt16 => at!(UInt16Type).into(),
        DataType::UInt32 => at!(UInt32Type).into(),
        DataType::UInt64 => integer(at!(UInt64Type), at!(UInt64Type)),
        DataType::Float16 => at!(Float16Type).to_f64().into(),
        DataType::Float32 => at!(Float32Type).into(),
        DataType::Float64 => at!(Float64Type).into(),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            STANDARD.encode(bytes(array, row).unwrap_or_default()).into()
        }
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => decimal(array, row),
        DataType::Dictionary(..) => {
            let (keys, values) = (array.as_any_dictionary().keys(), array.as_any_dictionary().values());
            match key(keys, row).filter(|key| *key < values.len()) {
                Some(key) => value(values, key)?,
                None => return Err("the value is missing in its dictionary".to_owned()),
            }
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::ListView(_) => list(&array.as_list_view::<i32>().value(row))?,
        DataType::LargeListView(_) => list(&array.as_list_view::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row))?,
        DataType::Struct(_) => structure(array.as_struct(), row)?,
        DataType::Map(..) => map(&array.as_map().value(row))?,
        _ => time(array, row)?,
    })
}

/// Bytes of a binary cell; `None` for null and other types.
pub(crate) fn bytes(array: &dyn Array, row: usize) -> Option<Vec<u8>> {
    if array.is_null(row) {
        return None;
    }
    let bytes = match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        DataType::Dictionary(..) => {
            let (keys, values) = (array.as_any_dictionary().keys(), array.as_any_dictionary().values());
            return key(keys, row).filter(|key| *key < values.len()).and_then(|key| bytes(values, key));
        }
        _ => return None,
    };
    Some(bytes.to_vec())
}

/// Key of a dictionary cell.
fn key(keys: &dyn Array, row: usize) -> Option<usize> {
    usize::try_from(value(keys, row).ok()?.as_u64()?).ok()
}

/// An integer as a number, or as text if its magnitude is above [`INTEGER_MAX`].
fn integer(integer: impl Into<Value> + ToString, magnitude: u64) -> Value {
    if magnitude <= INTEGER_MAX { integer.into() } else { integer.to_string().into() }
}

/// The double nearest to a decimal number.
fn decimal(array: &dyn Array, row: usize) -> Value {
    let digits = match array.data_type() {
        DataType::Decimal32(..) => array.as_primitive::<Decimal32Type>().value_as_string(row),
        DataType::Decimal64(..) => array.as_primitive::<Decimal64Type>().value_as_string(row),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        _ => array.as_primitive::<Decimal256Type>().value_as_string(row),
    };
    digits.parse::<f64>().map_or(Value::Null, Value::from)
}

fn list(items: &dyn Array) -> Result<Value, String> {
    (0..items.len()).map(|position| value(items, position)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// An object of the non-null fields of a struct. Null fields are left out: a struct has every field that any row uses.
fn structure(array: &StructArray, row: usize) -> Result<Value, String> {
    let mut entries = Tags::new();
    for (field, column) in array.fields().iter().zip(array.columns()) {
        match value(column, row)? {
            Value::Null => {}
            value => _ = entries.insert(field.name().clone(), value),
        }
    }
    Ok(Value::Object(entries))
}

/// An object of the key-value pairs of a map.
fn map(pairs: &StructArray) -> Result<Value, String> {
    let [keys, values] = pairs.columns() else { return Err("it is a map without values".to_owned()) };
    let mut entries = Tags::new();
    for position in 0..pairs.len() {
        let key = match value(keys, position)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        entries.insert(key, value(values, position)?);
    }
    Ok(Value::Object(entries))
}

/// A date, time or duration in ISO 8601. Timestamps with a time zone are in UTC, as they are stored.
fn time(array: &dyn Array, row: usize) -> Result<Value, String> {
    macro_rules! at {
        ($type:ty, $read:ident) => {
            array.as_primitive::<$type>().$read(row).map(|time| format!("{time:?}"))
        };
    }
    macro_rules! span {
        ($type:ty) => {
            array.as_primitive::<$type>().value_as_duration(row).map(|span| span.to_string())
        };
    }
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let text = match array.data_type() {
        DataType::Date32 => at!(Date32Type, value_as_date),
        // Usually whole days. A time other than midnight is kept.
        DataType::Date64 => at!(Date64Type, value_as_datetime)
            .map(|time| time.strip_suffix("T00:00:00").map(str::to_owned).unwrap_or(time)),
        DataType::Timestamp(unit, zone) => {
            let time = match unit {
                Second => at!(TimestampSecondType, value_as_datetime),
                Millisecond => at!(TimestampMillisecondType, value_as_datetime),
                Microsecond => at!(TimestampMicrosecondType, value_as_datetime),
                Nanosecond => at!(TimestampNanosecondType, value_as_datetime),
            };
            time.map(|time| if zone.is_some() { time + "Z" } else { time })
        }
        DataType::Time32(Second) => at!(Time32SecondType, value_as_time),
        DataType::Time32(_) => at!(Time32MillisecondType, value_as_time),
        DataType::Time64(Microsecond) => at!(Time64MicrosecondType, value_as_time),
        DataType::Time64(_) => at!(Time64NanosecondType, value_as_time),
        DataType::Duration(unit) => match unit {
            Second => span!(DurationSecondType),
            Millisecond => span!(DurationMillisecondType),
            Microsecond => span!(DurationMicrosecondType),
            Nanosecond => span!(DurationNanosecondType),
        },
        other => {
            return Err(format!("{other} cannot be converted to a tag: remove the column from the file"));
        }
    };
    let text = text.ok_or("the time is out of range: leave the row out")?;
    Ok(text.into())
}
