//! Foreign function interface (FFI) to FAISS and OpenMP, for calls that the `faiss` crate lacks.
//!
//! Concurrent searches of one index (the crate requires exclusive access, FAISS does not) with parameters per search,
//! training of indexes with many inverted lists, adding rows in two steps, cancellation, returning freed memory to the
//! system, the number of OpenMP threads, the version. `ffi.cc` implements the C++ side of all but the last two.
#![expect(unsafe_code, reason = "this file owns the foreign interface")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;

use faiss::Index as _;
use faiss::index::IndexImpl;

/// Parameters of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchEffort<'a> {
    /// Inverted lists probed per query.
    pub(crate) n_probe: usize,
    /// Size of the candidate queue when a graph is searched.
    pub(crate) ef_search: usize,
    /// Rows that may be returned; `None` for all.
    pub(crate) row_filter: Option<RowFilter<'a>>,
}

/// A set of rows as a bitmap: bit `row % 64` of word `row / 64`. Rows past the end have their bit unset.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowFilter<'a> {
    /// Only rows whose bit is set.
    Include(&'a [u64]),
    /// Only rows whose bit is not set.
    Exclude(&'a [u64]),
}

/// A [`SearchEffort`] in the layout of `ffi.cc`.
#[repr(C)]
struct RawSearchEffort {
    n_probe: usize,
    ef_search: usize,
    words: *const u64,
    word_count: usize,
    is_excluding: bool,
}

impl RawSearchEffort {
    fn new(effort: &SearchEffort<'_>) -> Self {
        let (words, is_excluding) = match effort.row_filter {
            None => (None, false),
            Some(RowFilter::Include(words)) => (Some(words), false),
            Some(RowFilter::Exclude(words)) => (Some(words), true),
        };
        let bound = usize::try_from(c_int::MAX).unwrap_or(usize::MAX);
        Self {
            n_probe: effort.n_probe.clamp(1, bound),
            ef_search: effort.ef_search.clamp(1, bound),
            // Null means no filter. The pointer of an empty slice is not null, so an empty set matches no row.
            words: words.map_or(std::ptr::null(), <[u64]>::as_ptr),
            word_count: words.map_or(0, <[u64]>::len),
            is_excluding,
        }
    }
}

/// Buffer for the error message of a call, with a trailing zero.
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
        effort: *const RawSearchEffort,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_group_centroids(
        index: *const c_void,
        groups: *mut *mut c_void,
        message: *mut c_char,
        message_length: usize,
    ) -> c_int;
    fn flowrun_faiss_free_groups(groups: *mut c_void);
    fn flowrun_faiss_stage(
        index: *const c_void,
        groups: *const c_void,
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
    fn flowrun_faiss_free_staged(staged: *mut c_void);
    fn flowrun_faiss_cancel_when(flag: *const AtomicBool);
    fn flowrun_release_memory();
    /// OpenMP: sets the number of threads of parallel regions that the calling thread starts.
    fn omp_set_num_threads(threads: c_int);
}

/// Limits the threads that FAISS uses for calls of the current thread. Initially every thread may use all cores.
pub(crate) fn set_threads(threads: usize) {
    let threads = c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX);
    // SAFETY: accepts any positive number and sets a thread-local variable.
    unsafe { omp_set_num_threads(threads) }
}

/// Returns freed memory to the operating system, after an index was dropped.
pub(crate) fn release_memory() {
    // SAFETY: memory in use is not affected.
    unsafe { flowrun_release_memory() }
}

/// Runs `action`, in which FAISS calls of the current thread fail soon after `flag` is set. Training, which takes minutes,
/// could not be cancelled otherwise.
pub(crate) fn cancel_when<T>(flag: &AtomicBool, action: impl FnOnce() -> T) -> T {
    struct ResetOnDrop;
    impl Drop for ResetOnDrop {
        fn drop(&mut self) {
            // SAFETY: a null flag is never read.
            unsafe { flowrun_faiss_cancel_when(std::ptr::null()) }
        }
    }
    // SAFETY: `AtomicBool` and C++ `std::atomic<bool>` are both one byte. The flag is borrowed until this function returns
    // or unwinds, and is reset before.
    unsafe { flowrun_faiss_cancel_when(flag) }
    let _reset = ResetOnDrop;
    action()
}

/// Trains an index on a sample of vectors. The centroids of many inverted lists are found in two levels.
pub(super) fn train(index: &mut IndexImpl, vectors: &[f32]) -> Result<(), String> {
    let count = vector_count(index, vectors)?;
    let mut message: Message = [0; 512];
    // SAFETY: the index is borrowed exclusively; `vectors` holds `count` × dimension floats; the message has the given
    // length.
    let status = unsafe {
        flowrun_faiss_train(
            index.inner_ptr().cast(),
            count,
            vectors.as_ptr(),
            message.as_mut_ptr(),
            message.len(),
        )
    };
    into_result(status, &message)
}

/// Number of vectors of the index's dimension in `vectors`.
fn vector_count(index: &IndexImpl, vectors: &[f32]) -> Result<i64, String> {
    let dimension = usize::try_from(index.d()).unwrap_or(0).max(1);
    if !vectors.len().is_multiple_of(dimension) {
        return Err("the number of elements is not a multiple of the dimension".to_owned());
    }
    i64::try_from(vectors.len() / dimension).map_err(|_| "too many vectors".to_owned())
}

/// Finds the `width` best vectors of each query and writes their values and labels, best first; label −1 after the last.
/// Several threads may search one index concurrently.
///
/// # Errors
/// When the lengths of `queries`, `values` and `labels` do not agree with dimension and `width`, or FAISS fails.
pub(super) fn search(
    index: &IndexImpl,
    queries: &[f32],
    width: usize,
    effort: &SearchEffort<'_>,
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
    let effort = RawSearchEffort::new(effort);
    let mut message: Message = [0; 512];
    // SAFETY: the index lives as long as the borrow; `queries` holds `count` × dimension floats, `values` and `labels` hold
    // `count` × `width` elements, all checked above; the bitmap in `effort` is borrowed for as long; the message has the
    // given length. A search only reads the index: the function takes it as const, and FAISS guarantees that concurrent
    // searches of one CPU index are safe.
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
    into_result(status, &message)
}

/// Rows that are assigned to inverted lists of one index and encoded, but not added yet.
#[derive(Debug)]
pub(crate) struct StagedRows(NonNull<c_void>);

// SAFETY: uniquely owned memory that is not modified after construction.
unsafe impl Send for StagedRows {}

impl Drop for StagedRows {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `flowrun_faiss_stage` and is freed only here.
        unsafe { flowrun_faiss_free_staged(self.0.as_ptr()) }
    }
}

/// The centroids of the inverted lists of one index, in groups of neighbours. Assigning many vectors to lists takes a
/// fraction of the time with them.
#[derive(Debug)]
pub(crate) struct CentroidGroups(NonNull<c_void>);

// SAFETY: owned memory that is only read after construction.
unsafe impl Send for CentroidGroups {}
// SAFETY: as above.
unsafe impl Sync for CentroidGroups {}

impl Drop for CentroidGroups {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `flowrun_faiss_group_centroids` and is freed only here.
        unsafe { flowrun_faiss_free_groups(self.0.as_ptr()) }
    }
}

/// Groups the centroids of a trained index; `None` when it has few or no inverted lists.
pub(super) fn group_centroids(index: &IndexImpl) -> Result<Option<CentroidGroups>, String> {
    let (mut groups, mut message) = (std::ptr::null_mut(), [0; 512]);
    // SAFETY: the index lives as long as the borrow and is only read; `groups` and the message are ours to write.
    let status = unsafe {
        flowrun_faiss_group_centroids(
            index.inner_ptr().cast(),
            &raw mut groups,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    into_result(status, &message).map(|()| NonNull::new(groups).map(CentroidGroups))
}

/// Assigns vectors to inverted lists and encodes them, without changing the index; `None` when it has no lists. `groups`
/// are the grouped centroids of this index.
pub(super) fn stage(
    index: &IndexImpl,
    groups: Option<&CentroidGroups>,
    vectors: &[f32],
) -> Result<Option<StagedRows>, String> {
    let count = vector_count(index, vectors)?;
    let (mut staged, mut message) = (std::ptr::null_mut(), [0; 512]);
    // SAFETY: the index and the groups live as long as the borrows and are only read, like in a search; `vectors` holds
    // `count` × dimension floats; `staged` and the message are ours to write.
    let status = unsafe {
        flowrun_faiss_stage(
            index.inner_ptr().cast(),
            groups.map_or(std::ptr::null(), |groups| groups.0.as_ptr().cast_const()),
            count,
            vectors.as_ptr(),
            &raw mut staged,
            message.as_mut_ptr(),
            message.len(),
        )
    };
    into_result(status, &message).map(|()| NonNull::new(staged).map(StagedRows))
}

/// Adds rows that were staged by this index.
pub(super) fn add_staged(index: &mut IndexImpl, staged: &StagedRows) -> Result<(), String> {
    let mut message: Message = [0; 512];
    // SAFETY: the index is borrowed exclusively; `staged` came from `flowrun_faiss_stage`, and the called function checks
    // its lists against those of the index.
    let status = unsafe {
        flowrun_faiss_add_staged(
            index.inner_ptr().cast(),
            staged.0.as_ptr(),
            message.as_mut_ptr(),
            message.len(),
        )
    };
    into_result(status, &message)
}

fn into_result(status: c_int, message: &Message) -> Result<(), String> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: the array is initialised with zeros, and a failing call writes a zero-terminated text that fits.
    let text = unsafe { CStr::from_ptr(message.as_ptr()) };
    Err(strip_location(&text.to_string_lossy()))
}

/// Removes function, source file and line from an error message of FAISS.
pub(super) fn strip_location(message: &str) -> String {
    let message = message.strip_prefix("Native faiss error: ").unwrap_or(message);
    let located = message.strip_prefix("Error in ").and_then(|rest| rest.split_once(".cpp:"));
    let text = located.and_then(|(_, rest)| rest.split_once(": ")).map_or(message, |(_, text)| text);
    text.trim_end_matches('\0').trim().to_owned()
}

/// The version of FAISS.
pub(crate) fn version() -> String {
    // SAFETY: returns a constant string.
    let text = unsafe { CStr::from_ptr(faiss_sys::faiss_get_version()) };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use faiss::{MetricType, index_factory};

    use super::*;

    const UNFILTERED: SearchEffort<'_> = SearchEffort { n_probe: 1, ef_search: 16, row_filter: None };

    #[test]
    fn concurrent_searches_of_one_index_find_the_same() {
        let mut index = index_factory(2, "Flat", MetricType::L2).unwrap();
        index.add(&[0.0, 0.0, 1.0, 0.0, 5.0, 0.0]).unwrap();
        let found = || {
            set_threads(1);
            let (mut values, mut labels) = ([0.0; 8], [0; 8]);
            search(&index, &[0.9, 0.0, 9.0, 0.0], 4, &UNFILTERED, &mut values, &mut labels).unwrap();
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
    fn mismatched_lengths_are_rejected() {
        let index = index_factory(2, "Flat", MetricType::L2).unwrap();
        for (queries, width, results) in [(&[0.0; 3][..], 1, 1), (&[0.0; 4], 1, 1), (&[0.0; 2], 0, 0)] {
            let (mut values, mut labels) = (vec![0.0; results], vec![0; results]);
            assert!(search(&index, queries, width, &UNFILTERED, &mut values, &mut labels).is_err());
        }
    }

    #[test]
    fn source_locations_are_stripped_from_messages() {
        let message = "Native faiss error: Error in void f(int) at /a/b.cpp:12: Error: 'x' failed: no\0";
        assert_eq!(strip_location(message), "Error: 'x' failed: no");
        assert_eq!(strip_location("plain"), "plain");
        assert!(version().starts_with("1."), "{}", version());
    }
}
