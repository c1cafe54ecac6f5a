//! A disk that refuses, for tests.

use std::io;

use parking_lot::Mutex;

/// What fails from now on; nothing unless it is said.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Failing>);

/// What fails, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failing {
    /// Writing: how many bytes still reach the disk before an error of this number.
    pub(crate) writing: Option<(usize, i32)>,
    /// Syncing, with an error of this number.
    pub(crate) syncing: Option<i32>,
    /// Reading, with an error of this number.
    pub(crate) reading: Option<i32>,
}

impl Faults {
    pub(crate) fn set(&self, failing: Failing) {
        *self.0.lock() = failing;
    }

    pub(super) fn before_reading(&self) -> io::Result<()> {
        self.0.lock().reading.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    pub(super) fn before_syncing(&self) -> io::Result<()> {
        self.0.lock().syncing.map_or(Ok(()), |number| Err(io::Error::from_raw_os_error(number)))
    }

    /// What of the bytes reaches the disk, and the error that then follows.
    pub(super) fn before_writing<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], Option<io::Error>) {
        let mut failing = self.0.lock();
        let Some((left, number)) = &mut failing.writing else { return (bytes, None) };
        let written = bytes.get(..*left).unwrap_or(bytes);
        *left -= written.len();
        let error = (written.len() < bytes.len()).then(|| io::Error::from_raw_os_error(*number));
        (written, error)
    }
}
