//! `weir-operator run` with real proxies.

mod idle;
mod late;
mod leaders;
mod mistakes;
mod outages;
mod permissions;
mod readme;
mod restarts;
mod rights;
mod scene;
