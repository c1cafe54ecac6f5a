//! Cleans a text for CLIP's tokenizer like CLIP-as-service and open_clip: `ftfy`, `html.unescape` twice, and white
//! space.
//!
//! All repairs of ftfy are implemented except for wrongly decoded texts (`schÃ¶n` for `schön`), which ftfy detects by a
//! heuristic table.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use super::entities::{from_windows, unescape, unescape_strictly};
use super::patterns::Pattern;

/// Terminal colour sequences.
static TERMINAL: Pattern = Pattern::new(r"\x1b\[[\d;]*[a-zA-Z]");

/// Repairs a text, decodes entities, collapses white space and converts to lower case.
pub(super) fn clean(text: &str) -> String {
    let repaired = repair(text);
    let once = unescape(&repaired);
    let twice = unescape(&once);
    twice.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Repairs a text line by line. From the first line with a `<` on the text is considered HTML, whose entities are kept.
fn repair(text: &str) -> String {
    let mut is_plain = true;
    let mut repaired = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        is_plain &= !line.contains('<');
        repaired.push_str(&repair_line(line, is_plain));
    }
    repaired
}

/// Repairs a line until nothing changes. This terminates, because every round makes the text shorter or simpler.
fn repair_line(line: &str, is_plain: bool) -> Cow<'_, str> {
    let mut current = Cow::Borrowed(line);
    loop {
        if is_plain_ascii(&current) {
            return current;
        }
        let plain = if is_plain { unescape_strictly(&current) } else { Cow::Borrowed(&*current) };
        let letters: String = plain.chars().map(from_windows).flat_map(simplified).collect();
        let broken = letters.replace("\r\n", "\n").replace(['\r', '\u{2028}', '\u{2029}'], "\n");
        let uncoloured = TERMINAL.replace(&broken, |_| Some(String::new()));
        let repaired: String = uncoloured.chars().filter(|letter| !is_unwanted(*letter)).nfc().collect();
        if repaired == *current {
            return current;
        }
        current = Cow::Owned(repaired);
    }
}

/// True for printable ASCII without entities, which needs no repair.
fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t') && byte != b'&')
}

/// Simplifies typography: splits ligatures, normalises full-width and half-width forms, straightens quotes.
fn simplified(letter: char) -> impl Iterator<Item = char> {
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

/// Control characters, except for white space, joiners and direction marks.
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
    fn typographic_text_becomes_plain() {
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
    fn entities_in_html_are_kept() {
        assert_eq!(repair("&EACUTE;\n<b>&EACUTE;\n&EACUTE;"), "É\n<b>&EACUTE;\n&EACUTE;");
    }
}
