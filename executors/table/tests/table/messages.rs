//! Error messages of tables that cannot be read.

use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::*;
use flowrun_sdk::Document;
use flowrun_table::{Writer, read};

use crate::{documents, documents_with, write};

fn floats(rows: Vec<Option<Vec<Option<f32>>>>) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
}

fn one(element: f32) -> Option<Vec<Option<f32>>> {
    Some(vec![Some(element)])
}

/// The error message of a table with these columns, without the file name.
fn message(columns: &[(&str, ArrayRef)], vector_column: Option<&str>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let [parquet, arrow] = ["a.parquet", "a.arrow"].map(|name| {
        let path = directory.path().join(name);
        write(&path, columns);
        let error = documents_with(&path, vector_column).unwrap_err().to_string();
        error.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
    });
    assert_eq!(parquet, arrow);
    parquet
}

#[test]
fn vector_errors_name_row_and_column() {
    let good = floats(vec![one(1.0)]);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let huge: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>([Some(vec![Some(1.0), Some(1e300)])]));
    for (columns, vector_column, expected) in [
        (
            vec![("id", text.clone()), ("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)],
            None,
            "there is no vector, a list of floats, or of integers in a column `embedding`; the columns are `id` (Utf8), `n` (Int64)",
        ),
        (vec![("v", good.clone())], Some("w"), "there is no column `w`; there are `v` (List(Float32))"),
        (
            vec![("id", text.clone())],
            Some("id"),
            "column `id` is Utf8, but vectors are lists of numbers; there are `id` (Utf8)",
        ),
        (
            vec![("a", good.clone()), ("b", good.clone())],
            None,
            "the vector could be any of `a` (List(Float32)), `b` (List(Float32)): choose one, such as --vector-column a",
        ),
        (
            vec![("v", floats(vec![one(1.0), None]))],
            None,
            "row 1, column `v`: there is no vector: leave the row out, or name the column of the vectors with --vector-column",
        ),
        (
            vec![("v", floats(vec![Some(vec![])]))],
            None,
            "row 0, column `v`: the vector is empty: leave the row out",
        ),
        (
            vec![("v", floats(vec![Some(vec![Some(1.0), None])]))],
            None,
            "row 0, column `v`: element 1 of the vector is null: leave the row out",
        ),
        (
            vec![("v", floats(vec![one(1.0), one(f32::NAN)]))],
            None,
            "row 1, column `v`: element 0 of the vector is not a number (NaN): leave the row out",
        ),
        (
            vec![("v", huge)],
            None,
            "row 0, column `v`: element 1 of the vector is infinite or above 3.4e38, the largest 32-bit number: leave the row out",
        ),
        (
            vec![("v", floats(vec![one(1.0), Some(vec![Some(1.0), Some(2.0)])]))],
            None,
            "row 1, column `v`: the vector has 2 elements, earlier ones 1: all must have the same number",
        ),
    ] {
        assert_eq!(message(&columns, vector_column), expected);
    }
}

#[test]
fn field_errors_name_row_and_column() {
    let vector = || ("v", floats(vec![one(1.0)]));
    let text = |text: Option<&str>| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    for (column, expected) in [
        (
            ("id", text(None)),
            "row 0, column `id`: it is empty, but every document needs an id: leave the row out",
        ),
        (
            ("id", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef),
            "column `id` is Float64, but must be a text or an integer: rename the column to import it as a tag",
        ),
        (
            ("blob", text(Some("x"))),
            "column `blob` is Utf8, but must be binary: rename the column to import it as a tag",
        ),
        (
            ("tags", text(Some("{"))),
            "row 0, column `tags`: it must be the text of a JSON object: EOF while parsing an object at line 1 column 1",
        ),
        (
            ("tags", Arc::new(Int64Array::from(vec![1]))),
            "column `tags` is Int64, but must be a struct, or the text of a JSON object: rename the column to import it as a tag",
        ),
        (("tags", text(Some("[]"))), "row 0, column `tags`: it must be the text of a JSON object"),
        (
            ("far", Arc::new(TimestampSecondArray::from(vec![i64::MAX]))),
            "row 0, column `far`: the time is out of range: leave the row out",
        ),
        (
            ("span", Arc::new(IntervalYearMonthArray::from(vec![1]))),
            "row 0, column `span`: Interval(YearMonth) cannot be converted to a tag: remove the column from the file",
        ),
        (("v", text(None)), "there are two columns `v`: rename one"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.arrow");
        write(&path, &[vector(), column]);
        let error = documents(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {expected}", path.display()));
    }
}

#[test]
fn file_errors_name_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (name, content, expected) in [
        ("a.csv", &b""[..], "write a name that ends in .parquet, .arrow, .feather or .arrows"),
        (
            "b.feather",
            b"FEA1 and more than ten bytes",
            "it is Feather version 1: write it again with a current library, which writes version 2",
        ),
        (
            "c.arrow",
            b"not an Arrow file at all..",
            "it is not a complete Arrow file: it does not begin and end with ARROW1",
        ),
        ("d.arrows", b"", "it is not a complete Arrow file: it is empty"),
        (
            "e.parquet",
            b"nothing",
            "it is not a complete Parquet file: EOF: Parquet file too small. Size is 7 but need 8",
        ),
    ] {
        std::fs::write(path(name), content).unwrap();
        let error = documents(&path(name)).unwrap_err().to_string();
        assert_eq!(error, format!("{}: {expected}", path(name).display()));
    }
    let missing = documents(&path("f.parquet")).unwrap_err().to_string();
    assert!(missing.ends_with("f.parquet: No such file or directory (os error 2)"), "{missing}");

    write(&path("g.arrow"), &[("v", floats(vec![one(1.0), one(2.0)]))]);
    let mut rows = 0;
    let refused = read(&path("g.arrow"), None, |_| {
        rows += 1;
        if rows < 2 { Ok(()) } else { Err("no") }
    });
    let expected = "row 1: no (the vector is in column `v`, --vector-column names another)";
    assert_eq!(refused.unwrap_err().to_string(), format!("{}: {expected}", path("g.arrow").display()));

    let mut writer = Writer::create(&path("h.parquet")).unwrap();
    writer.push(Document::new("a"), &[1.0]).unwrap();
    let refused = writer.push(Document::new("b"), &[1.0, 2.0]).unwrap_err().to_string();
    let expected = "document `b` has a vector of 2 dimensions, earlier ones have 1: export one pod at a time";
    assert_eq!(refused, format!("{}: {expected}", path("h.parquet").display()));
}
