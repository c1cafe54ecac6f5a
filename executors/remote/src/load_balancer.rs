//! Least-loaded selection among the endpoints of a remote executor.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::endpoint::Endpoint;

/// The endpoints of a remote executor, at least one.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    /// All endpoints, in the order of the parameter `addresses`.
    pub(crate) all: Vec<Endpoint>,
    /// Round-robin counter that breaks ties.
    next: AtomicUsize,
}

impl LoadBalancer {
    /// Creates a balancer of at least one endpoint.
    pub(crate) fn new(all: Vec<Endpoint>) -> Self {
        Self { all, next: AtomicUsize::new(0) }
    }

    /// Selects the endpoint for the next attempt of a call that failed at `tried`: among the endpoints that are not ejected
    /// the one with the fewest calls in flight; if all are ejected, the one whose ejection ends first. Returns its index
    /// in [`all`](Self::all), or `None` if all were tried. `tried` contains such indices.
    pub(crate) fn choose(&self, tried: &[usize]) -> Option<usize> {
        let now = Instant::now();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let count = self.all.len();
        let untried =
            (0..count).map(|step| (turn.wrapping_add(step)) % count).filter(|index| !tried.contains(index));
        let ranked = untried.filter_map(|index| {
            let endpoint = self.all.get(index)?;
            Some((endpoint.ejected_until(now), endpoint.in_flight(), index))
        });
        // `min_by_key` returns the first minimum, which is the next in turn; `None` sorts before every instant.
        ranked.min_by_key(|(ejected, in_flight, _)| (*ejected, *in_flight)).map(|(_, _, index)| index)
    }

    /// The endpoints that cannot be reached, each with the reason.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failure = |endpoint: &Endpoint| Some(format!("{}: {}", endpoint.label, endpoint.failure()?));
        self.all.iter().filter_map(failure).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Metadata;

    fn balancer(count: u16) -> LoadBalancer {
        let endpoint =
            |number| Endpoint::new(format!("a:{}", number + 1).parse().unwrap(), 1, Metadata::default());
        LoadBalancer::new((0..count).map(endpoint).collect())
    }

    #[test]
    fn calls_are_sent_to_the_endpoint_with_the_fewest_in_flight() {
        let balancer = balancer(3);
        let mut held = Vec::new();
        for _ in 0..9 {
            let index = balancer.choose(&[]).unwrap();
            held.push(balancer.all[index].track_call());
        }
        assert_eq!(balancer.all.iter().map(Endpoint::in_flight).collect::<Vec<_>>(), [3, 3, 3]);
        held.clear();
        let busy = balancer.all[1].track_call();
        assert!((0..6).all(|_| balancer.choose(&[]) != Some(1)));
        drop(busy);
    }

    #[test]
    fn an_ejected_endpoint_is_used_only_if_no_other_is_left() {
        let balancer = balancer(2);
        balancer.all[0].eject("gone");
        assert!((0..4).all(|_| balancer.choose(&[]) == Some(1)));
        assert_eq!((balancer.choose(&[1]), balancer.choose(&[0, 1])), (Some(0), None));
        balancer.all[1].eject("gone");
        balancer.all[1].eject("gone");
        // The ejection of the first endpoint ends sooner.
        assert!((0..4).all(|_| balancer.choose(&[]) == Some(0)));
        assert_eq!(balancer.failures(), ["a:1: gone", "a:2: gone"]);
        balancer.all[0].record_success();
        assert!((0..4).all(|_| balancer.choose(&[]) == Some(0)));
    }
}
