//! Tests of tables: keys, damage, atomic changes, views.

use flowrun_sdk::{Document, protobuf};

use super::*;

fn entry(row: u64, parent_id: &str) -> Entry {
    Entry { row: Some(row), parent_id: parent_id.to_owned() }
}

fn put(table: &Table, id: &str, entry: &Entry, counters: Counters) {
    let mut writer = table.writer(Fsync::Never);
    writer.put(id, protobuf::encode(&Document::new(id)), entry, None);
    writer.commit(counters).unwrap();
}

#[test]
fn ids_that_cannot_be_keys_are_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::open(&directory.path().join("t")).unwrap();
    for id in ["", &"x".repeat(keys::ID_BYTES_MAX + 1), &"x".repeat(100_000)] {
        assert!(table.document(id).unwrap().is_none() && table.entry(id).unwrap().is_none());
        assert!(table.children(id).unwrap().is_empty());
    }
}

#[test]
fn the_longest_ids_are_stored_under_the_longest_parents() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::open(&directory.path().join("t")).unwrap();
    let [id, parent_id] = ["é", "p"].map(|text| text.repeat(keys::ID_BYTES_MAX / text.len()));
    put(&table, &id, &entry(0, &parent_id), Counters { rows: 1, documents: 1 });
    assert_eq!(table.children(&parent_id).unwrap(), [id.as_str()]);
    assert_eq!(table.id_of_row(0).unwrap(), id);
    assert_eq!(table.document(&id).unwrap(), Some(Document::new(id)));
}

#[test]
fn malformed_entries_are_reported_as_damage() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::open(&directory.path().join("t")).unwrap();
    table.documents.insert(keys::row_key(3), b"\xff\xff").unwrap();
    table.entries.insert(keys::id_key("a"), b"short").unwrap();
    table.entries.insert(keys::id_key("b"), entry(3, "").encode()).unwrap();
    table.entries.insert(keys::id_key("c"), entry(4, "").encode()).unwrap();
    table.entries.insert(keys::row_key(1), b"\xff").unwrap();
    table.entries.insert(keys::child_key("a", ""), b"").unwrap();
    table.entries.insert([keys::TOMBSTONE, b"12"].concat(), b"").unwrap();
    table.entries.insert([keys::ROW, b"12"].concat(), b"").unwrap();
    table.entries.insert(keys::COUNTERS, b"123").unwrap();
    table.entries.insert(keys::SYNCED, b"123456789").unwrap();
    let refused = [
        (table.document("a").map(|_| ()), "the entry of `a`"),
        (table.document("b").map(|_| ()), "document `b`"),
        (table.document("c").map(|_| ()), "document `c` is missing"),
        (table.document_of_row(3).map(|_| ()), "the document of row 3"),
        (table.document_of_row(4).map(|_| ()), "no document refers to row 4"),
        (table.entry("a").map(|_| ()), "the entry of `a`"),
        (table.ids_after("").try_for_each(|named| named.map(drop)), "the entry of `a`"),
        (table.id_of_row(1).map(|_| ()), "no document refers to row 1"),
        (table.id_of_row(2).map(|_| ()), "no document refers to row 2"),
        (table.tombstones().map(|_| ()), "a tombstone"),
        (table.live_documents().try_for_each(|live| live.map(drop)), "the entry of a row"),
        (table.counters().map(|_| ()), "the counters"),
        (table.synced_rows().map(|_| ()), "the number of synced rows"),
    ];
    for (result, expected) in refused {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("t is damaged") && error.contains(expected), "{error}");
    }
}

#[test]
fn lost_documents_are_reported_and_the_others_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::open(&directory.path().join("t")).unwrap();
    for (row, id) in (0..).zip(["a", "b", "c", "d"]) {
        put(&table, id, &entry(row, ""), Counters { rows: row + 1, documents: row + 1 });
    }
    table.documents.remove(keys::row_key(1)).unwrap();
    table.entries.remove(keys::row_key(2)).unwrap();
    let found: Vec<String> = table
        .live_documents()
        .map(|live| live.map_or_else(|error| error.to_string(), |live| live.id))
        .collect();
    assert!(found[1].contains("document `b` is missing"), "{found:?}");
    assert_eq!((found[0].as_str(), found[2].as_str(), found.len()), ("a", "d", 3));
}

#[test]
fn an_uncommitted_change_has_no_effect() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t");
    let table = Table::open(&path).unwrap();
    put(&table, "a", &entry(0, "p"), Counters { rows: 1, documents: 1 });
    let mut writer = table.writer(Fsync::Always);
    writer.remove("a", &entry(0, "p"));
    writer.put("b", Vec::new(), &entry(1, "p"), None);
    drop(writer);
    drop(table);
    let table = Table::open(&path).unwrap();
    assert_eq!((table.children("p").unwrap(), table.tombstones().unwrap()), (vec!["a".to_owned()], vec![]));
    assert_eq!(table.counters().unwrap(), Counters { rows: 1, documents: 1 });
}

#[test]
fn a_view_is_isolated_from_later_writes() {
    let directory = tempfile::tempdir().unwrap();
    let table = Table::open(&directory.path().join("t")).unwrap();
    put(&table, "a", &entry(0, "p"), Counters { rows: 1, documents: 1 });
    let view = table.view();
    let mut writer = table.writer(Fsync::Never);
    writer.remove("a", &entry(0, "p"));
    writer.put("b", protobuf::encode(&Document::new("b")), &entry(1, "p"), None);
    writer.commit(Counters { rows: 2, documents: 1 }).unwrap();
    assert_eq!((view.id_of_row(0).unwrap().as_str(), view.id_of_row(1).is_err()), ("a", true));
    assert!(view.document("a").unwrap().is_some() && view.document("b").unwrap().is_none());
    assert_eq!((view.children("p").unwrap(), view.tombstones().unwrap()), (vec!["a".to_owned()], vec![]));
    assert_eq!(view.tags().map(|tagged| tagged.unwrap().id).collect::<Vec<_>>(), ["a"]);
    assert_eq!(view.counters().unwrap(), Counters { rows: 1, documents: 1 });
    assert_eq!((table.id_of_row(1).unwrap().as_str(), table.tombstones().unwrap()), ("b", vec![0]));
}
