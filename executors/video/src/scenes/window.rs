//! The recent frames of a video, by their position.

use std::collections::VecDeque;

/// Values of the last frames, by the number of the frame. The window begins at the first frame or later.
#[derive(Debug)]
pub(super) struct Window<T> {
    values: VecDeque<T>,
    /// Number of the first value.
    first: usize,
    length_max: usize,
}

impl<T> Window<T> {
    pub(super) fn new(length_max: usize) -> Self {
        Self { values: VecDeque::new(), first: 0, length_max }
    }

    /// Appends the value of the next frame.
    pub(super) fn push(&mut self, value: T) {
        self.values.push_back(value);
        if self.values.len() > self.length_max {
            self.values.pop_front();
            self.first += 1;
        }
    }

    /// Number of frames so far.
    pub(super) fn end(&self) -> usize {
        self.first + self.values.len()
    }

    /// The value of a frame; `None` outside of the window.
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        self.values.get(number.checked_sub(self.first)?)
    }

    /// Values of the frames from `from` to `to`, inclusive, as far as the window has them.
    pub(super) fn range(&self, from: usize, to: usize) -> impl Iterator<Item = (usize, &T)> {
        let from = from.max(self.first);
        (from..=to).map_while(|number| Some((number, self.get(number)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_last_values_by_number() {
        let mut window = Window::new(3);
        (10..15).for_each(|value| window.push(value));
        assert_eq!((window.end(), window.get(1), window.get(2), window.get(5)), (5, None, Some(&12), None));
        assert_eq!(window.range(0, 9).map(|(number, _)| number).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(window.range(3, 3).map(|(_, value)| *value).collect::<Vec<_>>(), [13]);
    }
}
