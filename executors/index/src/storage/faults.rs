//! Fault injection: a disk that fails, for tests.

use std::io;

use parking_lot::Mutex;

/// The faults of one file.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<FaultPlan>);

/// Operations that fail from now on.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultPlan {
    /// Writing: the number of bytes that are still written, and the OS error after them.
    pub(crate) writing: Option<(usize, i32)>,
    /// OS error of committing a change of the documents.
    pub(crate) committing: Option<i32>,
    /// OS error of syncing.
    pub(crate) syncing: Option<i32>,
    /// OS error of reading.
    pub(crate) reading: Option<i32>,
}

impl Faults {
    /// Replaces the faults.
    pub(crate) fn set(&self, plan: FaultPlan) {
        *self.0.lock() = plan;
    }

    /// The error with which the next read fails, if any.
    pub(super) fn before_reading(&self) -> io::Result<()> {
        self.0.lock().reading.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// The error with which the next commit fails, if any.
    pub(super) fn before_committing(&self) -> io::Result<()> {
        self.0.lock().committing.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// The error with which the next sync fails, if any.
    pub(super) fn before_syncing(&self) -> io::Result<()> {
        self.0.lock().syncing.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// The bytes that are still written, and the error that follows.
    pub(super) fn before_writing<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], Option<io::Error>) {
        let mut plan = self.0.lock();
        let Some((left, number)) = &mut plan.writing else { return (bytes, None) };
        let written = bytes.get(..*left).unwrap_or(bytes);
        *left -= written.len();
        let error = (written.len() < bytes.len()).then(|| io::Error::from_raw_os_error(*number));
        (written, error)
    }
}
