//! Calls into FAISS and OpenMP that the `faiss` crate does not offer.
//!
//! A search that shares the index (the crate's takes it exclusively, though FAISS's own only reads) and has parameters
//! of its own, training of many inverted lists and adding to them in two steps, the number of OpenMP threads, the version.
//! The other side of the first three is `native.cc`.
#![expect(unsafe_code, reason = "this file owns the foreign interface")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

use faiss::Index as _;
use faiss::index::IndexImpl;

/// How hard one search tries, and among which rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort<'a> {
    /// How many inverted lists are probed.
    pub(crate) n_probe: usize,
    /// How many vectors of a graph are kept in view.
    pub(crate) ef_search: usize,
    /// Which rows may be found; every one where this is `None`.
    pub(crate) selected: Option<Selected<'a>>,
}

/// Which rows may be found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selected<'a> {
    /// Those whose bit is set.
    Only(&'a [u64]),
    /// Those whose bit is not set.
    AllBut(&'a [u64]),
}

/// An [`Effort`] as `native.cc` reads it.
#[repr(C)]
struct NativeEffort {
    n_probe: usize,
    ef_search: usize,
    words: *const u64,
    word_count: usize,
    is_excluding: bool,
}

impl NativeEffort {
    fn new(effort: &Effort<'_>) -> Self {
        let (words, is_excluding) = match effort.selected {
            None => (None, false),
            Some(Selected::Only(words)) => (Some(words), false),
            Some(Selected::AllBut(words)) => (Some(words), true),
        };
        let bound = usize::try_from(c_int::MAX).unwrap_or(usize::MAX);
        Self {
            n_probe: effort.n_probe.clamp(1, bound),
            ef_search: effort.ef_search.clamp(1, bound),
            // Of an empty slice too this is not null, so that it selects nothing rather than everything.
            words: words.map_or(std::ptr::null(), <[u64]>::as_ptr),
            word_count: words.map_or(0, <[u64]>::len),
            is_excluding,
        }
    }
}

/// Where `native.cc` leaves what went wrong.
type Message = [c_char; 512];

unsafe extern "C" {
    fn flowrun_faiss_train(
        index: *mut c_void,
        count: i64,
        vectors: *const f32,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_search(
        index: *const c_void,
        count: i64,
        queries: *const f32,
        width: i64,
        values: *mut f32,
        labels: *mut i64,
        effort: *const NativeEffort,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_group(
        index: *const c_void,
        grouped: *mut *mut c_void,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_forget_grouped(grouped: *mut c_void);
    fn flowrun_faiss_stage(
        index: *const c_void,
        grouped: *const c_void,
        count: i64,
        vectors: *const f32,
        staged: *mut *mut c_void,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_add_staged(
        index: *mut c_void,
        staged: *const c_void,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_forget_staged(staged: *mut c_void);
    fn flowrun_faiss_give_up_when(flag: *const AtomicBool);
    fn flowrun_release_memory();
    /// Of the OpenMP runtime that FAISS is linked with: how many threads parallel regions of the calling thread use.
    fn omp_set_num_threads(threads: c_int);
}

/// Lets FAISS use that many threads for what the calling thread asks of it. A new thread starts with all cores.
pub(crate) fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX);
    // SAFETY: takes any positive number and sets a variable of the calling thread.
    unsafe { omp_set_num_threads(threads) }
}

/// Gives the memory of an index that was let go back to the system.
pub(crate) fn release_memory() {
    // SAFETY: what is in use stays as it is.
    unsafe { flowrun_release_memory() }
}

/// Does something with FAISS that ends in an error soon after `flag` is set. Without this training could take minutes to
/// notice that nobody waits for it.
pub(crate) fn unless<T>(flag: &AtomicBool, action: impl FnOnce() -> T) -> T {
    struct Watching;
    impl Drop for Watching {
        fn drop(&mut self) {
            // SAFETY: null is never looked at.
            unsafe { flowrun_faiss_give_up_when(std::ptr::null()) }
        }
    }
    // SAFETY: an `AtomicBool` is a byte that C++ may read as its own atomic boolean; it is borrowed until the watching
    // ends, which is before this function returns, also when `action` panics.
    unsafe { flowrun_faiss_give_up_when(flag) }
    let _watching = Watching;
    action()
}

/// Lets an index learn from a sample of vectors. Of many inverted lists the centroids are found in steps.
pub(super) fn train(index: &mut IndexImpl, vectors: &[f32]) -> Result<(), String> {
    let count = count_of(index, vectors)?;
    let mut message: Message = [0; 512];
    // SAFETY: the index is borrowed alone; `vectors` holds `count` times its dimension of floats; the message has the
    // length that is said.
    let status = unsafe {
        flowrun_faiss_train(
            index.inner_ptr().cast(),
            count,
            vectors.as_ptr(),
            message.as_mut_ptr(),
            message.len(),
        )
    };
    outcome(status, &message)
}

/// How many vectors of the index's dimension these are.
fn count_of(index: &IndexImpl, vectors: &[f32]) -> Result<i64, String> {
    let dimension = usize::try_from(index.d()).unwrap_or(0).max(1);
    if !vectors.len().is_multiple_of(dimension) {
        return Err("the vectors are not whole".to_owned());
    }
    i64::try_from(vectors.len() / dimension).map_err(|_| "too many vectors".to_owned())
}

/// For each query the `width` best vectors, best first: their values and labels; label −1 where there are no more.
/// Several threads may search one index at a time.
pub(super) fn search(
    index: &IndexImpl,
    queries: &[f32],
    width: usize,
    effort: &Effort<'_>,
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
    let effort = NativeEffort::new(effort);
    let mut message: Message = [0; 512];
    // SAFETY: the index lives as long as the borrow; `queries` holds `count` times the index's dimension of floats,
    // `values` and `labels` have `count` times `width` places, all checked above; the words that `effort` points to are
    // borrowed for as long; the message has the length that is said. Searching reads the index alone: the function takes
    // it as const, and FAISS promises that searches of one CPU index may run at a time.
    let status = unsafe {
        flowrun_faiss_search(
            index.inner_ptr().cast(),
            count,
            queries.as_ptr(),
            width,
            values.as_mut_ptr(),
            labels.as_mut_ptr(),
            &raw const effort,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    outcome(status, &message)
}

/// Vectors on their way into the inverted lists of one index.
#[derive(Debug)]
pub(crate) struct Staged(NonNull<c_void>);

// SAFETY: it is memory of its own that nobody else points to, and no function changes it after it was made.
unsafe impl Send for Staged {}

impl Drop for Staged {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `flowrun_faiss_stage` and is forgotten here alone.
        unsafe { flowrun_faiss_forget_staged(self.0.as_ptr()) }
    }
}

/// The centroids of the inverted lists of one index, in groups: to assign many vectors to them in a fraction of the time.
#[derive(Debug)]
pub(crate) struct Grouped(NonNull<c_void>);

// SAFETY: it is memory of its own, which is only read after it was made.
unsafe impl Send for Grouped {}
// SAFETY: as above.
unsafe impl Sync for Grouped {}

impl Drop for Grouped {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `flowrun_faiss_group` and is forgotten here alone.
        unsafe { flowrun_faiss_forget_grouped(self.0.as_ptr()) }
    }
}

/// Puts the centroids of a trained index into groups; `None` where it has few lists, or none.
pub(super) fn group(index: &IndexImpl) -> Result<Option<Grouped>, String> {
    let (mut grouped, mut message) = (std::ptr::null_mut(), [0; 512]);
    // SAFETY: the index lives as long as the borrow and is only read; `grouped` and the message are ours to write.
    let status = unsafe {
        flowrun_faiss_group(index.inner_ptr().cast(), &raw mut grouped, message.as_mut_ptr(), message.len())
    };
    outcome(status, &message).map(|()| NonNull::new(grouped).map(Grouped))
}

/// Works out where vectors go in an index and what their codes are, beside searches; `None` when it has no lists.
/// `grouped` are its centroids.
pub(super) fn stage(
    index: &IndexImpl,
    grouped: Option<&Grouped>,
    vectors: &[f32],
) -> Result<Option<Staged>, String> {
    let count = count_of(index, vectors)?;
    let (mut staged, mut message) = (std::ptr::null_mut(), [0; 512]);
    // SAFETY: the index and its centroids live as long as the borrows and are only read, as searching reads them;
    // `vectors` holds `count` times the dimension of floats; `staged` and the message are ours to write.
    let status = unsafe {
        flowrun_faiss_stage(
            index.inner_ptr().cast(),
            grouped.map_or(std::ptr::null(), |grouped| grouped.0.as_ptr().cast_const()),
            count,
            vectors.as_ptr(),
            &raw mut staged,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    outcome(status, &message).map(|()| NonNull::new(staged).map(Staged))
}

/// Puts into the lists of an index what was staged for it.
pub(super) fn add_staged(index: &mut IndexImpl, staged: &Staged) -> Result<(), String> {
    let mut message: Message = [0; 512];
    // SAFETY: the index is borrowed alone; `staged` is what `flowrun_faiss_stage` made, and its lists are checked against
    // those of the index there.
    let status = unsafe {
        flowrun_faiss_add_staged(
            index.inner_ptr().cast(),
            staged.0.as_ptr(),
            message.as_mut_ptr(),
            message.len(),
        )
    };
    outcome(status, &message)
}

fn outcome(status: c_int, message: &Message) -> Result<(), String> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: who fails leaves a text that ends within the array, which is zero where nothing was written.
    let text = unsafe { CStr::from_ptr(message.as_ptr()) };
    Err(reason(&text.to_string_lossy()))
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

    const EVERYTHING: Effort<'_> = Effort { n_probe: 1, ef_search: 16, selected: None };

    #[test]
    fn many_threads_search_one_index_and_find_the_same() {
        let mut index = index_factory(2, "Flat", MetricType::L2).unwrap();
        index.add(&[0.0, 0.0, 1.0, 0.0, 5.0, 0.0]).unwrap();
        let found = || {
            set_threads(1);
            let (mut values, mut labels) = ([0.0; 8], [0; 8]);
            search(&index, &[0.9, 0.0, 9.0, 0.0], 4, &EVERYTHING, &mut values, &mut labels).unwrap();
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
            let (mut values, mut labels) = (vec![0.0; results], vec![0; results]);
            assert!(search(&index, queries, width, &EVERYTHING, &mut values, &mut labels).is_err());
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
