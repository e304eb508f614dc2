//! How many files may be open.

use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as 10,000 connections need on both of a proxy's sides.
const ENOUGH: u64 = 20_500;

/// As many open files as there may be, for this process and for the proxies, which inherit it.
pub fn raise() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    // who has the right may raise the maximum, others get that far
    let wanted = Rlimit {
        current: Some(ENOUGH),
        maximum: limit.maximum.map(|maximum| maximum.max(ENOUGH)),
    };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

/// The connections that each of the proxies can hold, as haproxy reserves two files for each.
pub fn most_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(ENOUGH);
    (files.min(ENOUGH) as usize / 2).saturating_sub(150).min(10_000)
}
