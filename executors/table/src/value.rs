//! From a cell to JSON, which is what tags are.

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

/// Integers up to here are numbers; those beyond are texts of their digits, because a tag's number is a double, which
/// would round them.
const INTEGER_MAX: u64 = 1 << 53;

/// What is in a cell. Null is what JSON cannot say: infinite numbers, and those that are none.
///
/// # Errors
/// When it is of a type that no tag can hold, or a time too far away.
pub(crate) fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    macro_rules! at {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value(row)
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
                None => return Err("its dictionary lacks the value".to_owned()),
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

/// The bytes in a cell.
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

fn key(keys: &dyn Array, row: usize) -> Option<usize> {
    usize::try_from(value(keys, row).ok()?.as_u64()?).ok()
}

fn integer(integer: impl Into<Value> + ToString, size: u64) -> Value {
    if size <= INTEGER_MAX { integer.into() } else { integer.to_string().into() }
}

/// The number nearest to a decimal one.
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
    (0..items.len()).map(|place| value(items, place)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// The fields that are set. Those that are not are left out, as tags are: a struct has room for every field that any row has.
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

/// What is in a map: pairs of a key and a value.
fn map(pairs: &StructArray) -> Result<Value, String> {
    let [keys, values] = pairs.columns() else { return Err("it is a map without values".to_owned()) };
    let mut entries = Tags::new();
    for place in 0..pairs.len() {
        let key = match value(keys, place)? {
            Value::String(key) => key,
            other => other.to_string(),
        };
        entries.insert(key, value(values, place)?);
    }
    Ok(Value::Object(entries))
}

/// A time as ISO 8601 writes it. Those with a time zone are in UTC, as they are stored.
fn time(array: &dyn Array, row: usize) -> Result<Value, String> {
    macro_rules! at {
        ($kind:ty, $read:ident) => {
            array.as_primitive::<$kind>().$read(row).map(|time| format!("{time:?}"))
        };
    }
    macro_rules! span {
        ($kind:ty) => {
            array.as_primitive::<$kind>().value_as_duration(row).map(|span| span.to_string())
        };
    }
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let text = match array.data_type() {
        DataType::Date32 => at!(Date32Type, value_as_date),
        // Whole days, as a rule; what is not midnight is not cut off.
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
            return Err(format!("{other} is nothing that a tag can be: leave the column out of the file"));
        }
    };
    let text = text.ok_or("the time is too far away to be written: leave the row out")?;
    Ok(text.into())
}
