//! `weir-operator run` with real proxies.

mod mistakes;
mod readme;
mod scene;
