//! What is done to a text before CLIP's vocabulary sees it: what `ftfy`, twice `html.unescape`, and the cleaning of
//! white space do to it in CLIP-as-service and open_clip.
//!
//! Of ftfy this is everything but the repair of texts that were decoded wrongly (`schÃ¶n` for `schön`), which guesses by
//! a table of what looks bad.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use super::entities::{from_windows, unescape, unescape_strictly};
use super::patterns::Pattern;

/// What colours a terminal.
static TERMINAL: Pattern = Pattern::new(r"\x1b\[[\d;]*[a-zA-Z]");

/// The text as the vocabulary wants it: mended, without entities, with single spaces, in small letters.
pub(super) fn clean(text: &str) -> String {
    let mended = mend(text);
    let once = unescape(&mended);
    let twice = unescape(&once);
    twice.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Line by line: what is in a line with a `<`, or behind it, is taken for HTML that is meant, whose entities stay.
fn mend(text: &str) -> String {
    let mut is_plain = true;
    let mut mended = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        is_plain &= !line.contains('<');
        mended.push_str(&mend_line(line, is_plain));
    }
    mended
}

/// Mended again until there is nothing left to mend, which ends: every round makes the text shorter or simpler.
fn mend_line(line: &str, is_plain: bool) -> Cow<'_, str> {
    let mut current = Cow::Borrowed(line);
    loop {
        if is_settled(&current) {
            return current;
        }
        let plain = if is_plain { unescape_strictly(&current) } else { Cow::Borrowed(&*current) };
        let letters: String = plain.chars().map(from_windows).flat_map(simple).collect();
        let broken = letters.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
        let uncoloured = TERMINAL.replace(&broken, |_| Some(String::new()));
        let mended: String = uncoloured.chars().filter(|letter| !is_unwanted(*letter)).nfc().collect();
        if mended == *current {
            return current;
        }
        current = Cow::Owned(mended);
    }
}

/// Nothing but printed ASCII without entities: nothing to mend.
fn is_settled(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t') && byte != b'&')
}

/// A letter without what typography adds: ligatures taken apart, wide and narrow forms made ordinary, quotes straight.
fn simple(letter: char) -> impl Iterator<Item = char> {
    let apart: &[char] = match letter {
        'Ĳ' => &['I', 'J'],
        'ĳ' => &['i', 'j'],
        'ŉ' => &['\'', 'n'],
        'Ǳ' => &['D', 'Z'],
        'ǲ' => &['D', 'z'],
        'ǳ' => &['d', 'z'],
        'Ǆ' => &['D', 'Ž'],
        'ǅ' => &['D', 'ž'],
        'ǆ' => &['d', 'ž'],
        'Ǉ' => &['L', 'J'],
        'ǈ' => &['L', 'j'],
        'ǉ' => &['l', 'j'],
        'Ǌ' => &['N', 'J'],
        'ǋ' => &['N', 'j'],
        'ǌ' => &['n', 'j'],
        'ﬀ' => &['f', 'f'],
        'ﬁ' => &['f', 'i'],
        'ﬂ' => &['f', 'l'],
        'ﬃ' => &['f', 'f', 'i'],
        'ﬄ' => &['f', 'f', 'l'],
        'ﬅ' => &['ſ', 't'],
        'ﬆ' => &['s', 't'],
        '\u{2bc}' | '\u{2018}'..='\u{201b}' => &['\''],
        '\u{201c}'..='\u{201f}' => &['"'],
        '\u{3000}' => &[' '],
        _ => &[],
    };
    let is_wide = matches!(letter, '\u{ff01}'..='\u{ffef}');
    let wide = is_wide.then(|| std::iter::once(letter).nfkc()).into_iter().flatten();
    let same = (apart.is_empty() && !is_wide).then_some(letter);
    apart.iter().copied().chain(wide).chain(same)
}

/// Controls that nobody means, save white space, joiners and marks of direction.
fn is_unwanted(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_becomes_plain() {
        let cleaned = [
            ("  Don’t “quote”\r\n\tme ", "don't \"quote\" me"),
            ("ＦＵＬＬ　ﾊﾝｶｸ ﬂuﬃest", "full ハンカク fluffiest"),
            ("\u{1b}[31mred\u{1b}[0m\u{0}\u{feff}", "red"),
            ("e\u{301} &amp;amp;lt; &EACUTE;", "é < é"),
            ("a\u{93}b\u{94}", "a\"b\""),
            ("ΑΣ", "ας"),
            ("", ""),
        ];
        cleaned.into_iter().for_each(|(text, expected)| assert_eq!(clean(text), expected, "{text:?}"));
    }

    #[test]
    fn entities_in_what_is_html_are_left_to_html() {
        assert_eq!(mend("&EACUTE;\n<b>&EACUTE;\n&EACUTE;"), "É\n<b>&EACUTE;\n&EACUTE;");
    }
}
