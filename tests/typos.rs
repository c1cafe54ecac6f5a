//! Keys that are misspelt by one letter get the right suggestion.

use std::collections::BTreeSet;

use flowrun::diagnostic::suggest;
use flowrun::spec::keys::SECTIONS;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz_";

/// Every word at edit distance one: a letter removed, inserted, replaced, or swapped with the next.
fn misspellings(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut words = BTreeSet::new();
    let text = |letters: &[char]| letters.iter().collect::<String>();
    for position in 0..=letters.len() {
        for letter in LETTERS.chars() {
            let mut inserted = letters.clone();
            inserted.insert(position, letter);
            words.insert(text(&inserted));
            if position < letters.len() {
                let mut replaced = letters.clone();
                replaced[position] = letter;
                words.insert(text(&replaced));
            }
        }
        if position < letters.len() {
            let mut removed = letters.clone();
            removed.remove(position);
            words.insert(text(&removed));
        }
        if position + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(position, position + 1);
            words.insert(text(&swapped));
        }
    }
    words
}

#[test]
fn at_least_95_percent_of_one_letter_misspellings_get_the_right_suggestion() {
    let (mut right, mut all, mut wrong) = (0, 0, Vec::new());
    for section in SECTIONS {
        let known: BTreeSet<&str> = section.spellings().collect();
        for spelling in &known {
            for word in misspellings(spelling).into_iter().filter(|word| !known.contains(word.as_str())) {
                all += 1;
                match suggest(&word, known.iter().copied()) {
                    Some(suggested) if suggested == *spelling => right += 1,
                    other => {
                        wrong.push(format!("{}: `{word}` for `{spelling}` gave {other:?}", section.title))
                    }
                }
            }
        }
    }
    wrong.truncate(40);
    assert!(right * 100 >= all * 95, "{right} of {all}\n{}", wrong.join("\n"));
    assert!(all > 100_000, "{all}");
    println!("{right} of {all} misspellings");
}
