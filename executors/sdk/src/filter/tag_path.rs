//! Names of tags in filters: `lang`, docarray's `tags__lang`, MongoDB's `tags.lang`, and paths to values in tags, such as
//! `size.height`, `size__height` or `colours.0`.

use serde_json::Value;

use crate::Tags;

/// Separators of the steps of a path.
const SEPARATORS: [&str; 2] = ["__", "."];

/// Finds a tag, or a value in one. A tag with exactly this name comes first, since names can contain separators.
pub fn find_tag<'a>(tags: &'a Tags, name: &str) -> Option<&'a Value> {
    value_at(tags, name).or_else(|| value_at(tags, without_tags_prefix(name)?))
}

/// Names of the tags that a name in a filter can refer to, each with `true` if the name refers to the tag itself, and
/// `false` if it refers to a value in it.
pub fn candidate_tags(name: &str) -> impl Iterator<Item = (&str, bool)> {
    let candidates =
        |path| std::iter::once((path, true)).chain(splits(path).map(|(first, _)| (first, false)));
    candidates(name).chain(without_tags_prefix(name).into_iter().flat_map(candidates))
}

/// The path after `tags__` or `tags.`; `None` if `name` begins with neither, or nothing follows.
pub fn without_tags_prefix(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("tags")?;
    SEPARATORS.iter().find_map(|separator| rest.strip_prefix(separator)).filter(|rest| !rest.is_empty())
}

/// The value at a path in tags or in a mapping.
pub(super) fn value_at<'a>(mapping: &'a Tags, path: &str) -> Option<&'a Value> {
    let nested = || splits(path).find_map(|(first, rest)| value_in(mapping.get(first)?, rest));
    mapping.get(path).or_else(nested)
}

fn value_in<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    match value {
        Value::Object(mapping) => value_at(mapping, path),
        Value::Array(items) => match splits(path).next() {
            Some((position, rest)) => value_in(items.get(position.parse::<usize>().ok()?)?, rest),
            None => items.get(path.parse::<usize>().ok()?),
        },
        _ => None,
    }
}

/// Every division of a path at a separator.
fn splits(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.char_indices().skip(1).filter_map(|(position, _)| {
        let (first, rest) = path.split_at_checked(position)?;
        SEPARATORS.iter().find_map(|separator| Some((first, rest.strip_prefix(separator)?)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tag_is_found_under_every_spelling_of_its_name() {
        let tags = json!({"lang": "en", "a__b": 1, "c.d": 2, "tags__own": 3, "size": {"h": {"cm": 4}}, "list": [5, {"x": 6}]});
        let tags = tags.as_object().unwrap();
        for (name, expected) in [
            ("lang", json!("en")),
            ("tags__lang", json!("en")),
            ("tags.lang", json!("en")),
            ("a__b", json!(1)),
            ("tags__a__b", json!(1)),
            ("c.d", json!(2)),
            ("tags__own", json!(3)),
            ("size.h.cm", json!(4)),
            ("size__h__cm", json!(4)),
            ("tags__size__h.cm", json!(4)),
            ("list.0", json!(5)),
            ("tags__list__1__x", json!(6)),
        ] {
            assert_eq!(find_tag(tags, name), Some(&expected), "{name}");
            let is_candidate = |(tag, is_whole): (&str, bool)| {
                tags.get(tag).is_some_and(|value| !is_whole || *value == expected)
            };
            assert!(candidate_tags(name).any(is_candidate), "{name}");
        }
        for name in
            ["lagn", "tags__lagn", "tags__", "size.w", "list.2", "list.x", "lang.x", "é__x", "", ".", "__"]
        {
            assert_eq!(find_tag(tags, name), None, "{name}");
        }
    }
}
