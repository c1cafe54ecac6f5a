//! Limits open connections: in all, and per peer address, with a reserve for probes from this machine.
//!
//! A connection beyond the limits is closed immediately. If it comes from loopback it may use the reserve, where only
//! `/live`, `/ready` and the gRPC health check are answered, for a short time: an overloaded service can still be
//! probed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{HEALTH_CONNECTIONS_MAX, HEALTH_PEER_CONNECTIONS_MAX, PROBE_CONNECTIONS_MAX};

/// The limits, shared by all listeners for requests.
#[derive(Debug)]
pub(super) struct ConnectionLimit {
    all: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    peer_max: usize,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Capacity for one connection; dropping it frees the capacity.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    _slot: OwnedSemaphorePermit,
    /// Peer whose connections it counts for; `None` for a connection of the reserve.
    peer: Option<IpAddr>,
    peers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl ConnectionLimit {
    /// At most `max` connections, at most half of them from one peer, and [`PROBE_CONNECTIONS_MAX`] more for probes.
    pub(super) fn new(max: usize) -> Self {
        Self::with_limits(max, max.div_ceil(2), PROBE_CONNECTIONS_MAX)
    }

    /// Limits of the port for health and metrics alone.
    pub(super) fn for_health() -> Self {
        Self::with_limits(HEALTH_CONNECTIONS_MAX, HEALTH_PEER_CONNECTIONS_MAX, 0)
    }

    fn with_limits(max: usize, peer_max: usize, reserve: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(max)),
            reserve: Arc::new(Semaphore::new(reserve)),
            peer_max,
            peers: Arc::default(),
        }
    }

    /// Capacity for a connection from `address`; `None` beyond the limits.
    pub(super) fn admit(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let peer = peer_of(address);
        let regular = {
            let mut peers = self.peers.lock();
            let count = peers.get(&peer).copied().unwrap_or(0);
            let slot =
                (count < self.peer_max).then(|| Arc::clone(&self.all).try_acquire_owned().ok()).flatten();
            if slot.is_some() {
                peers.insert(peer, count + 1);
            }
            slot
        };
        let permit = |slot, peer| ConnectionPermit { _slot: slot, peer, peers: Arc::clone(&self.peers) };
        match regular {
            Some(slot) => Some(permit(slot, Some(peer))),
            None if address.to_canonical().is_loopback() => {
                Arc::clone(&self.reserve).try_acquire_owned().ok().map(|slot| permit(slot, None))
            }
            None => None,
        }
    }
}

impl ConnectionPermit {
    /// True for a connection of the reserve, which serves probes only.
    pub(super) fn is_for_probes(&self) -> bool {
        self.peer.is_none()
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut peers = self.peers.lock();
        if let Some(count) = peers.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&peer);
            }
        }
    }
}

/// Address by which connections are counted: a customer of an IPv6 provider has at least a network of 64 bits.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_peer_cannot_use_all_connections() {
        let limit = ConnectionLimit::with_limits(3, 2, 0);
        let other = address("192.0.2.2");
        let mut held: Vec<_> = (0..3).map(|_| limit.admit(address("192.0.2.1"))).collect();
        assert!(held[1].is_some() && held[2].is_none());
        assert!(limit.admit(other).is_some());
        held.truncate(1);
        let _second = limit.admit(address("192.0.2.1")).unwrap();
        let _third = limit.admit(other).unwrap();
        assert!(limit.admit(address("192.0.2.3")).is_none());
    }

    #[test]
    fn probes_from_loopback_have_a_reserve() {
        let limit = ConnectionLimit::with_limits(1, 1, 1);
        let _first = limit.admit(address("192.0.2.1")).unwrap();
        assert!(limit.admit(address("192.0.2.2")).is_none());
        let probe = limit.admit(address("127.0.0.1")).unwrap();
        assert!(probe.is_for_probes() && limit.admit(address("::1")).is_none());
        drop(probe);
        assert!(limit.admit(address("::1")).is_some());
    }

    #[test]
    fn freed_connections_leave_no_entry() {
        let limit = ConnectionLimit::with_limits(2, 2, 0);
        drop(limit.admit(address("2001:db8::1")));
        assert!(limit.peers.lock().is_empty());
        assert_eq!(peer_of(address("2001:db8::1")), peer_of(address("2001:db8::ffff:1")));
        assert_eq!(peer_of(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
