//! Tests of manifests: mismatches, siblings, damage, formats.

use super::*;

fn schema() -> Schema {
    Schema {
        kind: StorageKind::Vectors,
        dimension: Some(4),
        metric: Metric::Cosine,
        elements: None,
        index: "auto".to_owned(),
        shards: 2,
        shard: 0,
        names: ParameterNames::DEFAULT,
    }
}

#[test]
fn a_schema_mismatch_is_rejected_with_the_correction() {
    let layout = Layout::new("base/0");
    let manifest = Manifest::new(&schema(), 1);
    let refused = |schema: &Schema| manifest.check(&layout, schema).unwrap_err().to_string();
    assert!(refused(&Schema { dimension: Some(5), ..schema() }).contains("write `dimension: 4`"));
    assert!(refused(&Schema { metric: Metric::Euclidean, ..schema() }).contains("write `metric: cosine`"));
    assert!(refused(&Schema { shards: 3, ..schema() }).contains("in base was written with 2 shards, not 3"));
    let halves = Schema { elements: Some(ElementType::F16), ..schema() };
    assert!(refused(&halves).contains("write `vectors: f32`"));
    assert_eq!(Manifest::new(&halves, 1).elements(), ElementType::F16);
    Manifest::new(&halves, 1).check(&layout, &schema()).unwrap();
    assert!(refused(&Schema { kind: StorageKind::Documents, ..schema() }).contains("its own workspace"));
    manifest.check(&layout, &Schema { dimension: None, index: "HNSW32".to_owned(), ..schema() }).unwrap();
}

#[test]
fn a_new_shard_is_rejected_if_its_siblings_have_another_shard_count() {
    let base = tempfile::tempdir().unwrap();
    let written = Layout::new(base.path().join("0"));
    std::fs::create_dir(written.directory()).unwrap();
    Manifest::new(&schema(), 1).write(&written).unwrap();
    let sibling = Layout::new(base.path().join("7"));
    let more = Schema { shards: 8, shard: 7, ..schema() };
    assert!(matches!(
        Manifest::check_siblings(&sibling, &more),
        Err(StorageError::Shards { written: 2, expected: 8, .. })
    ));
    let same = Layout::new(base.path().join("1"));
    Manifest::check_siblings(&same, &Schema { shard: 1, ..schema() }).unwrap();
}

#[test]
fn a_manifest_survives_a_round_trip_and_damage_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    assert_eq!(Manifest::read(&layout).unwrap(), None);
    let manifest = Manifest::new(&schema(), 3);
    manifest.write(&layout).unwrap();
    assert_eq!(Manifest::read(&layout).unwrap(), Some(manifest.clone()));
    Manifest { format: 9, ..manifest }.write(&layout).unwrap();
    let refused = Manifest::read(&layout).unwrap_err().to_string();
    assert!(refused.contains("manifest.json was written by a later version of flowrun"), "{refused}");
    assert!(refused.contains("it has format 9, and this version reads format 2"), "{refused}");
    replace_with_bytes(&layout.manifest(), b"{").unwrap();
    assert!(Manifest::read(&layout).unwrap_err().to_string().contains("manifest.json is damaged"));
}

#[test]
fn a_changed_value_of_any_field_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(directory.path());
    Manifest::new(&schema(), 3).write(&layout).unwrap();
    let text = guard::read_text(&layout.manifest(), BYTES_MAX).unwrap();
    let fields: Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(fields.len(), 11);
    for (name, value) in &fields {
        let other = match value {
            Value::Bool(value) => Value::from(!value),
            Value::Number(number) => Value::from(number.as_u64().unwrap() + 1),
            Value::String(text) if text == "vectors" => Value::from("documents"),
            Value::String(text) if text == "f32" => Value::from("f16"),
            _ => Value::from("other"),
        };
        let changed: Map<String, Value> = fields
            .iter()
            .map(|(key, value)| (key.clone(), if key == name { other.clone() } else { value.clone() }))
            .collect();
        replace_with_bytes(&layout.manifest(), &serde_json::to_vec(&changed).unwrap()).unwrap();
        assert!(Manifest::read(&layout).is_err(), "{name}");
    }
    // Earlier versions wrote no checksum.
    let old: Map<String, Value> = fields.into_iter().filter(|(key, _)| key != CHECKSUM).collect();
    replace_with_bytes(&layout.manifest(), &serde_json::to_vec(&old).unwrap()).unwrap();
    assert_eq!(Manifest::read(&layout).unwrap(), Some(Manifest::new(&schema(), 3)));
}

#[test]
fn a_damaged_sibling_does_not_affect_the_other_shards() {
    let base = tempfile::tempdir().unwrap();
    let damaged = Layout::new(base.path().join("0"));
    std::fs::create_dir(damaged.directory()).unwrap();
    std::fs::write(damaged.manifest(), "{\"format\": 2, \"ki").unwrap();
    let other = Layout::new(base.path().join("1"));
    Manifest::check_siblings(&other, &Schema { shard: 1, ..schema() }).unwrap();
    Manifest::check_siblings(&damaged, &schema()).unwrap();
    assert!(Manifest::read(&damaged).unwrap_err().is_damage());
    // Neither does one whose format number is damaged.
    Manifest { format: 6, ..Manifest::new(&schema(), 1) }.write(&damaged).unwrap();
    Manifest::check_siblings(&other, &Schema { shard: 1, ..schema() }).unwrap();
    assert!(!Manifest::is_any_readable(&other));
    std::fs::create_dir(other.directory()).unwrap();
    Manifest::new(&Schema { shard: 1, ..schema() }, 1).write(&other).unwrap();
    assert!(Manifest::is_any_readable(&damaged));
}
