//! Parts of one request that wait for the others.

use super::content::Content;

/// A table with a seat for every part. The last one to sit down takes all along.
#[derive(Debug)]
pub(super) struct Gathering {
    seats: Vec<Option<Content>>,
    missing: usize,
}

impl Gathering {
    /// A table with so many seats.
    pub(super) fn new(seats: usize) -> Self {
        Self { seats: (0..seats).map(|_| None).collect(), missing: seats }
    }

    /// Seats a part; returns all of them, in the order of their seats, when it was the last.
    pub(super) fn put(&mut self, seat: usize, content: Content) -> Option<Vec<Content>> {
        let seat = self.seats.get_mut(seat)?;
        if seat.replace(content).is_none() {
            self.missing -= 1;
        }
        (self.missing == 0).then(|| self.seats.drain(..).flatten().collect())
    }
}
