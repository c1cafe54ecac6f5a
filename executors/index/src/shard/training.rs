//! Training the derived index of a shard.
//!
//! That may take minutes, so nobody waits for it but the call that brought the last vector that it takes: committed rows
//! are never changed, hence they can be read, learned from and added to an index of its own without the shard's lock.
//! What is written meanwhile is compared vector by vector, and added when the index takes its place.

use std::ops::Range;

use flowrun_sdk::tracing;

use super::vectors::Vectors;
use crate::derived::{Derived, DerivedError, push_native};
use crate::metric::{Metric, norm};
use crate::storage::{StorageError, VectorFile};

/// How many bytes of vectors are handed to FAISS at once.
const BLOCK_BYTES: usize = 8 << 20;

/// An index to be trained, and what it is to be trained on.
#[derive(Debug)]
pub(super) struct Training {
    metric: Metric,
    file: VectorFile,
    rows: u64,
    derived: Derived,
}

impl Vectors {
    /// The training that is due, if one is. It is begun once for each opening.
    pub(super) fn begin_training(&mut self) -> Option<Training> {
        let rows_min = self.derived.kind().training_rows_min().max(1);
        if self.derived.is_trained() || self.is_training_begun || self.rows < rows_min {
            return None;
        }
        self.is_training_begun = true;
        let derived = self.derived.fresh().inspect_err(|error| warn(&self.derived, error)).ok()?;
        Some(Training { metric: self.metric, file: self.file.clone(), rows: self.rows, derived })
    }
}

fn warn(derived: &Derived, error: &DerivedError) {
    tracing::warn!(index = derived.kind().text(), %error, "training failed; every vector is compared");
}

impl Training {
    /// A trained index of the rows that were committed when this began; `None` when FAISS would not.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub(super) fn run(mut self) -> Result<Option<Derived>, StorageError> {
        let trained = match self.learn()? {
            Ok(()) => add_rows(&self.file, self.metric, 0..self.rows, &mut self.derived, &mut 0.0)?,
            error => error,
        };
        if let Err(error) = trained {
            warn(&self.derived, &error);
            return Ok(None);
        }
        Ok(Some(self.derived))
    }

    /// Learns from vectors evenly spaced over the file.
    fn learn(&mut self) -> Result<Result<(), DerivedError>, StorageError> {
        let count = self.derived.kind().training_rows_max().min(self.rows);
        let sample = (0..count).map(|number| {
            let row = u128::from(number) * u128::from(self.rows) / u128::from(count);
            u64::try_from(row).unwrap_or(u64::MAX)
        });
        let (metric, mut vectors) = (self.metric, Vec::new());
        self.file.read_each(sample, |_, vector| {
            push_native(metric, vector, &mut vectors);
            Ok::<_, StorageError>(())
        })?;
        tracing::info!(index = self.derived.kind().text(), vectors = count, "training");
        Ok(self.derived.train(&vectors))
    }
}

/// Adds rows to an index that has all rows before. `norm_max` becomes the length of the longest, if it was less.
pub(super) fn add_rows(
    file: &VectorFile,
    metric: Metric,
    rows: Range<u64>,
    derived: &mut Derived,
    norm_max: &mut f64,
) -> Result<Result<(), DerivedError>, StorageError> {
    let mut block = Vec::new();
    let mut added = Ok(());
    file.read(rows, |_, vector| {
        *norm_max = norm_max.max(norm(vector));
        if added.is_ok() {
            push_native(metric, vector, &mut block);
        }
        if size_of_val(&block[..]) >= BLOCK_BYTES {
            added = derived.add(&block);
            block.clear();
        }
        Ok::<_, StorageError>(())
    })?;
    Ok(added.and_then(|()| derived.add(&block)))
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use super::super::tests::settings;
    use super::super::{Change, Settings, Shard};
    use super::*;
    use crate::derived::{IndexChoice, Tuning};
    use crate::metric::Query;
    use crate::storage::{Fsync, Put};

    fn points(numbers: Range<u16>) -> Change {
        let mut change = Change::default();
        for number in numbers {
            change.put(Put {
                id: format!("{number:04}"),
                parent_id: String::new(),
                document: flowrun_sdk::wire::encode(&flowrun_sdk::Document::new(format!("{number:04}"))),
                vector: Some(vec![f32::from(number), 1.0]),
            });
        }
        change
    }

    /// The id that is nearest to a number, and whether the index is trained.
    fn nearest(shard: &Shard, number: f32) -> (String, bool) {
        let found = shard.search(&[Query::new(vec![number, 1.0])], 1, None, &|| Ok(())).unwrap();
        let id = found.first().and_then(|found| found.first()).map(|found| found.document.id.clone());
        let is_trained =
            shard.state.read().vectors.as_ref().is_some_and(|vectors| vectors.derived.is_trained());
        (id.unwrap_or_default(), is_trained)
    }

    #[test]
    fn while_an_index_is_trained_others_search_write_and_clear() {
        for is_cleared in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            // All lists are probed, so that the nearest is found for certain.
            let tuning = Tuning { n_probe: Some(4), ..Tuning::default() };
            let settings = Settings { tuning, ..settings(IndexChoice::new("IVF4,Flat"), Fsync::Never) };
            let shard = Shard::open(&Context::alone(directory.path()), settings).unwrap();
            shard.apply(points(0..155)).unwrap();
            // Kept from training by itself, so that this can be seen in the midst of it.
            let is_begun = |is_begun| {
                shard.state.write().vectors.as_mut().unwrap().is_training_begun = is_begun;
            };
            is_begun(true);
            shard.apply(points(155..200)).unwrap();
            is_begun(false);
            let begin = || shard.state.write().vectors.as_mut().unwrap().begin_training();
            let training = begin().unwrap();
            assert!(begin().is_none(), "one at a time");
            assert_eq!(nearest(&shard, 199.2), ("0199".to_owned(), false));
            shard.apply(points(200..210)).unwrap();
            assert_eq!(nearest(&shard, 208.9), ("0209".to_owned(), false));
            if is_cleared {
                shard.clear().unwrap();
                shard.apply(points(300..301)).unwrap();
            }
            shard.train(1, training);
            let expected = if is_cleared { ("0300".to_owned(), false) } else { ("0209".to_owned(), true) };
            assert_eq!(nearest(&shard, 208.9), expected);
            shard.apply(points(210..211)).unwrap();
            assert_eq!(nearest(&shard, 210.0).0, "0210");
        }
    }
}
