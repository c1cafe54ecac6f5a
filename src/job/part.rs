//! `--part I/N`: a part of the input of a job, so that several processes share the job.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Maximum number of parts.
const PARTS_MAX: u64 = 1_000_000;

/// Part `number` of `count` parts of an input. Every document of the input belongs to exactly one of them: that of the
/// hash of its position, which is the path as it is written in the command or the flow, and the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to `count`.
    number: u64,
    count: u64,
}

impl Part {
    /// True if the file at `path`, or one line of it, belongs to this part.
    pub(super) fn contains(self, path: &Path, line: Option<u64>) -> bool {
        let hash = xxh3_64_with_seed(path.as_os_str().as_encoded_bytes(), line.unwrap_or(0));
        hash % self.count == self.number - 1
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        match numbers {
            Some((number, count)) if (1..=count).contains(&number) && count <= PARTS_MAX => {
                Ok(Self { number, count })
            }
            _ => Err(format!(
                "write I/N, part I of N from 1/N to N/N, for example 1/4; N is at most {PARTS_MAX}"
            )),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_is_written_as_two_numbers() {
        assert_eq!("2/8".parse::<Part>().unwrap().to_string(), "2/8");
        for text in ["", "2", "0/8", "9/8", "1/0", "-1/2", "1/2/3", "1 / 2", "1/1000001"] {
            assert!(text.parse::<Part>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_document_belongs_to_exactly_one_part(path in ".*", line in any::<Option<u64>>(), count in 1_u64..9) {
            let parts = (1..=count).filter(|number| {
                Part { number: *number, count }.contains(Path::new(&path), line)
            });
            prop_assert_eq!(parts.count(), 1);
        }
    }

    #[test]
    fn the_parts_of_many_lines_are_about_equal() {
        let count = |part: &str| {
            let part: Part = part.parse().unwrap();
            (1..=10_000).filter(|line| part.contains(Path::new("a.jsonl"), Some(*line))).count()
        };
        for part in ["1/4", "2/4", "3/4", "4/4"] {
            assert!((2_300..2_700).contains(&count(part)), "{part}: {}", count(part));
        }
    }
}
