//! `weir-operator run` with real proxies.

mod integrators;
mod mistakes;
mod namespaces;
mod readme;
mod rejected;
mod restored;
mod scene;
mod shown;
mod sizes;
