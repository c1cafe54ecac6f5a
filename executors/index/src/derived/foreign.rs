//! Calls into FAISS and OpenMP that the `faiss` crate does not offer.
//!
//! A search that shares the index (the crate's takes it exclusively, though FAISS's own only reads), the number of
//! OpenMP threads, the version.
#![expect(unsafe_code, reason = "this file owns the foreign interface")]

use std::ffi::{CStr, c_int};

use faiss::Index as _;
use faiss::index::IndexImpl;

unsafe extern "C" {
    /// Of the OpenMP runtime that FAISS is linked with: how many threads parallel regions of the calling thread use.
    fn omp_set_num_threads(threads: c_int);
}

/// Lets FAISS use that many threads for what the calling thread asks of it. A new thread starts with all cores.
pub(crate) fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX);
    // SAFETY: takes any positive number and sets a variable of the calling thread.
    unsafe { omp_set_num_threads(threads) }
}

/// For each query the `width` best vectors, best first: their values and labels; label −1 where there are no more.
/// Several threads may search one index at a time.
pub(super) fn search(
    index: &IndexImpl,
    queries: &[f32],
    width: usize,
    values: &mut [f32],
    labels: &mut [i64],
) -> Result<(), String> {
    let dimension = usize::try_from(index.d()).unwrap_or(0).max(1);
    let (count, rest) = (queries.len() / dimension, queries.len() % dimension);
    let results = count.checked_mul(width);
    if rest != 0 || width == 0 || results != Some(values.len()) || results != Some(labels.len()) {
        return Err("the lengths of queries and results do not agree".to_owned());
    }
    let (Ok(count), Ok(width)) = (i64::try_from(count), i64::try_from(width)) else {
        return Err("too many queries or results".to_owned());
    };
    // SAFETY: the index lives as long as the borrow; `queries` holds `count` times the index's dimension of floats,
    // `values` and `labels` have `count` times `width` places, all checked above. Searching reads the index alone:
    // the C function takes it as const, and FAISS promises that searches of one CPU index may run at a time.
    let status = unsafe {
        faiss_sys::faiss_Index_search(
            index.inner_ptr(),
            count,
            queries.as_ptr(),
            width,
            values.as_mut_ptr(),
            labels.as_mut_ptr(),
        )
    };
    if status == 0 { Ok(()) } else { Err(last_error()) }
}

/// What went wrong last on this thread.
fn last_error() -> String {
    // SAFETY: returns null or a text that lives until the next failing call on this thread; it is copied at once.
    let text = unsafe {
        let text = faiss_sys::faiss_get_last_error();
        if text.is_null() { None } else { Some(CStr::from_ptr(text).to_string_lossy().into_owned()) }
    };
    reason(text.as_deref().unwrap_or("unknown"))
}

/// A message of FAISS without the function and the file that it comes from.
pub(super) fn reason(message: &str) -> String {
    let message = message.strip_prefix("Native faiss error: ").unwrap_or(message);
    let located = message.strip_prefix("Error in ").and_then(|rest| rest.split_once(".cpp:"));
    let text = located.and_then(|(_, rest)| rest.split_once(": ")).map_or(message, |(_, text)| text);
    text.trim_end_matches('\0').trim().to_owned()
}

/// The version of FAISS.
pub(crate) fn version() -> String {
    // SAFETY: returns a constant text.
    let text = unsafe { CStr::from_ptr(faiss_sys::faiss_get_version()) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use faiss::{MetricType, index_factory};

    use super::*;

    #[test]
    fn many_threads_search_one_index_and_find_the_same() {
        let mut index = index_factory(2, "Flat", MetricType::L2).unwrap();
        index.add(&[0.0, 0.0, 1.0, 0.0, 5.0, 0.0]).unwrap();
        let found = || {
            set_threads(1);
            let (mut values, mut labels) = ([0.0; 8], [0; 8]);
            search(&index, &[0.9, 0.0, 9.0, 0.0], 4, &mut values, &mut labels).unwrap();
            labels
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(found)).collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), [1, 0, 2, -1, 2, 1, 0, -1]);
            }
        });
    }

    #[test]
    fn lengths_that_do_not_agree_are_refused() {
        let index = index_factory(2, "Flat", MetricType::L2).unwrap();
        for (queries, width, results) in [(&[0.0; 3][..], 1, 1), (&[0.0; 4], 1, 1), (&[0.0; 2], 0, 0)] {
            assert!(search(&index, queries, width, &mut vec![0.0; results], &mut vec![0; results]).is_err());
        }
    }

    #[test]
    fn a_message_loses_the_place_in_the_source() {
        let message = "Native faiss error: Error in void f(int) at /a/b.cpp:12: Error: 'x' failed: no\0";
        assert_eq!(reason(message), "Error: 'x' failed: no");
        assert_eq!(reason("plain"), "plain");
        assert!(version().starts_with("1."), "{}", version());
    }
}
