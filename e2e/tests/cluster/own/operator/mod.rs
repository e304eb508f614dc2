//! `weir-operator run` with real proxies.

mod idle;
mod leaders;
mod mistakes;
mod outages;
mod permissions;
mod restarts;
mod rights;
mod scene;
