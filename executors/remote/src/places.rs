//! The places that a call may go to, and which one it goes to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::place::Place;

/// The places that a call may go to. There is at least one.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) all: Vec<Place>,
    /// Where to look first among equals.
    turn: AtomicUsize,
}

impl Places {
    pub(crate) fn new(all: Vec<Place>) -> Self {
        Self { all, turn: AtomicUsize::new(0) }
    }

    /// The place for a call that went to `tried` in vain: of those that are not set aside the one with the fewest
    /// calls under way; when all are set aside, the one whose time is over first. `None` when all were tried.
    pub(crate) fn choose(&self, tried: &[usize]) -> Option<usize> {
        let now = Instant::now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.all.len();
        let left = (0..count).map(|step| (turn.wrapping_add(step)) % count).filter(|at| !tried.contains(at));
        let ranked = left.filter_map(|at| {
            let place = self.all.get(at)?;
            Some((place.aside(now), place.under_way(), at))
        });
        // The first of equals is the one whose turn it is; `None` comes before every time.
        ranked.min_by_key(|(aside, under_way, _)| (*aside, *under_way)).map(|(_, _, at)| at)
    }

    /// Why none of the places can be called, if none can.
    pub(crate) fn trouble(&self) -> Option<String> {
        let troubles: Option<Vec<String>> =
            self.all.iter().map(|place| Some(format!("{}: {}", place.address, place.trouble()?))).collect();
        troubles.map(|troubles| format!("cannot be reached at {}", troubles.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(count: u16) -> Places {
        let place = |number| Place::new(format!("a:{}", number + 1).parse().unwrap(), 1);
        Places::new((0..count).map(place).collect())
    }

    #[test]
    fn calls_go_where_the_fewest_are_under_way() {
        let places = places(3);
        let mut held = Vec::new();
        for _ in 0..9 {
            let at = places.choose(&[]).unwrap();
            held.push(places.all[at].enter());
        }
        assert_eq!(places.all.iter().map(Place::under_way).collect::<Vec<_>>(), [3, 3, 3]);
        held.clear();
        let busy = places.all[1].enter();
        assert!((0..6).all(|_| places.choose(&[]) != Some(1)));
        drop(busy);
    }

    #[test]
    fn a_place_that_failed_comes_last_and_is_tried_all_the_same() {
        let places = places(2);
        places.all[0].set_aside("gone");
        assert!((0..4).all(|_| places.choose(&[]) == Some(1)));
        assert_eq!((places.choose(&[1]), places.choose(&[0, 1])), (Some(0), None));
        places.all[1].set_aside("gone");
        places.all[1].set_aside("gone");
        // The first one's time is over sooner.
        assert!((0..4).all(|_| places.choose(&[]) == Some(0)));
        let told = places.trouble().unwrap();
        assert_eq!(told, "cannot be reached at a:1: gone; a:2: gone");
        places.all[0].answered();
        assert!((0..4).all(|_| places.choose(&[]) == Some(0)));
    }
}
