//! `weir-operator run` with real proxies.

mod mistakes;
mod namespaces;
mod readme;
mod rejected;
mod scene;
