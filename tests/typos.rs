//! A key that is misspelt by one letter is recognised.

use std::collections::BTreeSet;

use flowrun::diagnostic::suggest;
use flowrun::spec::keys::SECTIONS;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz_";

/// Every word at a distance of one: a letter left out, put in, replaced, or swapped with the next.
fn misspellings(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut words = BTreeSet::new();
    let text = |letters: &[char]| letters.iter().collect::<String>();
    for at in 0..=letters.len() {
        for letter in LETTERS.chars() {
            let mut inserted = letters.clone();
            inserted.insert(at, letter);
            words.insert(text(&inserted));
            if at < letters.len() {
                let mut replaced = letters.clone();
                replaced[at] = letter;
                words.insert(text(&replaced));
            }
        }
        if at < letters.len() {
            let mut left_out = letters.clone();
            left_out.remove(at);
            words.insert(text(&left_out));
        }
        if at + 1 < letters.len() {
            let mut swapped = letters.clone();
            swapped.swap(at, at + 1);
            words.insert(text(&swapped));
        }
    }
    words
}

#[test]
fn at_least_95_of_100_misspellings_of_a_key_by_one_letter_get_the_right_suggestion() {
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
