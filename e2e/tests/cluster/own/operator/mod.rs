//! `weir-operator run` with real proxies.

mod idle;
mod integrators;
mod late;
mod leaders;
mod mistakes;
mod namespaces;
mod outages;
mod permissions;
mod readme;
mod rejected;
mod restarts;
mod restored;
mod rights;
mod scene;
mod shown;
mod sizes;
