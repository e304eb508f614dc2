//! Ports that stay free.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result};

/// Below the ports that Linux gives to outgoing connections, so that a server that is down finds its port again.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;
/// How many a process takes before it takes those of another one.
const SHARE: u32 = 97;

static TAKEN: AtomicU32 = AtomicU32::new(0);

/// A TCP port that is free on all addresses, and that this function returns to this program only once.
pub fn reserve() -> Result<u16> {
    let start = process::id().wrapping_mul(SHARE);
    (0..COUNT)
        .map(|_| FIRST + start.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok())
        .context("no free port")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::wait::eventually;

    #[tokio::test]
    async fn a_port_is_given_once_and_can_be_bound() {
        let (one, other) = (reserve().unwrap(), reserve().unwrap());
        assert_ne!(one, other);
        // a process that another test starts has a copy of the listener for a moment
        eventually("it can be bound", Duration::from_secs(10), async || {
            Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, one))?)
        })
        .await
        .unwrap();
    }
}
