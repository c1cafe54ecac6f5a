//! The language of the tree: plain technical English in comments, documentation, messages and names.
//!
//! A machine can check words, not sense: which constructions occur, how often, and how documentation comments begin.
//! `CONTRIBUTING.md` has the rules themselves. `make prose` prints the measure and every hit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;

/// Constructions per 1,000 words of comments or Markdown that a folder may have at most. Plain technical texts have
/// 0.2 to 2.3.
const RATE_MAX: f64 = 2.0;

/// Words below which a folder has no rate: one hit would exceed it.
const WORDS_MIN: usize = 500;

/// Documentation comments that may begin with a question word, as a share of all.
const QUESTIONS_MAX: f64 = 0.01;

/// Words with which a documentation comment does not begin: a summary starts with its subject.
const QUESTION_WORDS: [&str; 10] =
    ["What", "Which", "How", "Whether", "Where", "When", "Why", "Who", "Whoever", "Whatever"];

/// Constructions that plain technical English avoids. One can be right in its position, so their rate is bounded.
const CONSTRUCTIONS: [(&str, &str); 11] = [
    (
        "who-clause as a noun",
        r"\b(?:[Ww]hoever|(?:^|[.,;:(] |\b(?:of|by|to|for|from|than|beside|behind|so|as|and|that|until|what|while|where|when) )[Ww]ho (?P<next>\w+))",
    ),
    (
        "what-clause as a noun",
        r"\b[Ww]hat (?:is|was|has|had|does|did|it|they|a|an|the|there|of|came|comes|stands|follows|goes|becomes|became|somebody|nobody|he|this|that|others|executors|clients|users?|must|may|can|cannot|could|would)\b",
    ),
    ("somebody, nobody, others", r"\b(?:[Ss]omebody|[Nn]obody|[Aa]nybody|[Oo]thers|those who|the one who)\b"),
    ("`so many` for `this many`", r"\b[Ss]o (?:many|much|few|large|long)\b(?P<next> that| as)?"),
    ("tell, say, ask for data", r"\b(?:tells?|told|says?|said|asks?|asked)\b"),
    ("behind, in front of", r"\b(?:behind|in front of)\b"),
    ("anew", r"\banew\b"),
    ("beneath, beside", r"\b(?:beneath|beside)\b"),
    ("room, place for capacity, slot, path", r"\b(?:room|place|places)\b"),
    // A stand-in is a term.
    (
        "stands, lies, leads, goes on",
        r"\b(?:stands?(?P<next>-ins?)?|lies|leads|goes before|goes away|goes on)\b",
    ),
    ("of which, of whom in front", r"\b[Oo]f (?:which|whom|what|two|several|these|those)\b"),
];

/// Words that occur nowhere: not in comments, messages or names, nor in any other text that a person reads.
const BANNED: &str = r"\b(?:[Ww]hoever|[Ss]omebody|[Nn]obody|[Aa]nybody|[Aa]new|[Bb]eneath)\b|_(?:whoever|somebody|nobody|anybody|anew|beneath)[_(]";

/// Files with texts of other authors, or with the banned words as their subject.
const NOT_OURS: [&str; 9] = [
    "tests/prose.rs",
    "tests/seeds/",
    "tests/oracles/",
    "tests/captures/",
    "tests/models/",
    "executors/onnx/assets/",
    "flows/demo-data/src/vocabulary.rs",
    "proto/jina",
    "LICENSE",
];

/// Lines with a banned word that stay: the file, the text on the line, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("executors/bucket/", "\"beneath\"", "a key of the snapshot format, which files out there have")];

/// Endings of files that people read.
const TEXTS: [&str; 14] =
    ["rs", "md", "yml", "yaml", "py", "toml", "js", "html", "css", "proto", "h", "c", "cc", "sh"];

/// The construction patterns, compiled.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    CONSTRUCTIONS.iter().map(|(name, pattern)| (*name, Regex::new(pattern).unwrap())).collect()
});

/// A line of prose and the file that it is from.
type Line = (String, String);

/// Words, and hits of each construction.
#[derive(Default)]
struct Measure {
    words: usize,
    hits: BTreeMap<&'static str, Vec<Line>>,
}

impl Measure {
    fn add(&mut self, file: &str, line: &str) {
        self.words +=
            line.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).count();
        for (name, pattern) in PATTERNS.iter() {
            let found = pattern.captures_iter(line).filter(|found| match (*name, found.name("next")) {
                ("who-clause as a noun", Some(next)) => !["am", "are"].contains(&next.as_str()),
                (_, next) => next.is_none(),
            });
            let hits = found.count();
            if hits > 0 {
                let lines = std::iter::repeat_n((file.to_owned(), line.trim().to_owned()), hits);
                self.hits.entry(name).or_default().extend(lines);
            }
        }
    }

    fn rate(&self) -> f64 {
        let hits: usize = self.hits.values().map(Vec::len).sum();
        1000.0 * hits as f64 / self.words.max(1) as f64
    }

    /// The hits, one per line.
    fn listed(&self) -> String {
        let mut text = String::new();
        for (name, lines) in &self.hits {
            for (file, line) in lines {
                writeln!(text, "  {file}: {name}: {line}").unwrap();
            }
        }
        text
    }
}

/// Every file of the tree that git tracks.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(listed.status.success(), "git lists the files of the tree");
    let names = String::from_utf8(listed.stdout).unwrap();
    names.lines().filter(|name| Path::new(name).is_file()).map(str::to_owned).collect()
}

fn text(file: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned()
}

/// The first two folders of a path, by which rates are reported.
fn folder(file: &str) -> String {
    let folders: Vec<&str> =
        file.rsplit_once('/').map_or(vec![], |(folder, _)| folder.split('/').take(2).collect());
    if folders.is_empty() { ".".to_owned() } else { folders.join("/") }
}

/// The text of a line comment, and whether it is documentation.
fn comment(line: &str) -> Option<(bool, &str)> {
    let text = line.trim_start().strip_prefix("//")?;
    let is_documentation = text.starts_with(['/', '!']);
    Some((is_documentation, text.trim_start_matches(['/', '!']).trim()))
}

/// Lines of Markdown outside of blocks of code.
fn markdown(text: &str) -> Vec<&str> {
    let mut in_code = false;
    text.lines()
        .filter(|line| {
            in_code ^= line.trim_start().starts_with("```");
            !in_code && !line.trim_start().starts_with("```")
        })
        .collect()
}

/// The measure of every folder: of the comments of its Rust files, and of its Markdown.
fn measures() -> BTreeMap<String, Measure> {
    let mut measures: BTreeMap<String, Measure> = BTreeMap::new();
    for file in files().iter().filter(|file| !NOT_OURS.iter().any(|part| file.starts_with(part))) {
        let text = text(file);
        if file.ends_with(".rs") {
            let measure = measures.entry(folder(file)).or_default();
            text.lines().filter_map(comment).for_each(|(_, line)| measure.add(file, line));
        } else if file.ends_with(".md") {
            let measure = measures.entry(format!("{}/*.md", folder(file))).or_default();
            markdown(&text).into_iter().for_each(|line| measure.add(file, line));
        }
    }
    measures
}

#[test]
fn every_folder_is_written_in_plain_english() {
    let measures = measures();
    let prints = std::env::var_os("FLOWRUN_PROSE").is_some();
    let mut complaints = String::new();
    let mut all = (0, 0);
    for (folder, measure) in &measures {
        let rate = measure.rate();
        all = (all.0 + measure.words, all.1 + measure.hits.values().map(Vec::len).sum::<usize>());
        if prints {
            println!("{folder:40} {rate:6.2} per 1,000 of {} words\n{}", measure.words, measure.listed());
        }
        if rate > RATE_MAX && measure.words >= WORDS_MIN {
            writeln!(complaints, "{folder}: {rate:.2} constructions per 1,000 words:\n{}", measure.listed())
                .unwrap();
        }
    }
    let rate = 1000.0 * all.1 as f64 / all.0 as f64;
    println!("together {rate:.2} per 1,000 of {} words", all.0);
    assert!(
        complaints.is_empty() && rate <= RATE_MAX,
        "at most {RATE_MAX} per 1,000 words; see CONTRIBUTING.md:\n{complaints}"
    );
}

#[test]
fn documentation_comments_begin_with_their_subject() {
    let (mut comments, mut questions) = (0_usize, Vec::new());
    for file in files().iter().filter(|file| file.ends_with(".rs")) {
        let mut continues = false;
        for line in text(file).lines() {
            let documentation = comment(line).filter(|(is_documentation, _)| *is_documentation);
            if let Some((_, text)) = documentation
                && !continues
            {
                comments += 1;
                let first = text.split_whitespace().next().unwrap_or_default();
                if QUESTION_WORDS.contains(&first.trim_matches(['`', ',', '.', ':'])) {
                    questions.push(format!("  {file}: {text}"));
                }
            }
            continues = documentation.is_some();
        }
    }
    let share = questions.len() as f64 / comments as f64;
    assert!(
        share <= QUESTIONS_MAX,
        "{} of {comments} begin with a question word:\n{}",
        questions.len(),
        questions.join("\n")
    );
}

#[test]
fn no_text_has_a_banned_word() {
    let banned = Regex::new(BANNED).unwrap();
    let is_text = |file: &&String| {
        TEXTS.iter().any(|ending| file.ends_with(&format!(".{ending}"))) || file.ends_with("Makefile")
    };
    let mut complaints = String::new();
    for file in
        files().iter().filter(|file| !NOT_OURS.iter().any(|part| file.starts_with(part))).filter(is_text)
    {
        let is_exception = |line: &str| {
            EXCEPTIONS.iter().any(|(folder, text, _)| file.starts_with(folder) && line.contains(text))
        };
        let lines = text(file);
        let hits = lines.lines().enumerate().filter(|(_, line)| banned.is_match(line) && !is_exception(line));
        for (number, line) in hits {
            writeln!(complaints, "  {file}:{}: {}", number + 1, line.trim()).unwrap();
        }
    }
    assert!(complaints.is_empty(), "banned words; see CONTRIBUTING.md:\n{complaints}");
}

#[test]
fn the_measure_counts_constructions_and_words() {
    let mut measure = Measure::default();
    measure.add("a", "Who reads never writes. Those who are, of whom nobody asked, go on.");
    let names: Vec<(&str, usize)> = measure.hits.iter().map(|(name, lines)| (*name, lines.len())).collect();
    assert_eq!(
        names,
        [
            ("of which, of whom in front", 1),
            ("somebody, nobody, others", 1),
            ("tell, say, ask for data", 1),
            ("who-clause as a noun", 1),
        ]
    );
    assert_eq!(measure.words, 13);
    let mut plain = Measure::default();
    plain.add("b", "Evicts the least recently used index, so long as it is not pinned.");
    assert_eq!((plain.rate(), plain.words), (0.0, 13));
}
