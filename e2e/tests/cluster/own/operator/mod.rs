//! `weir-operator run` with real proxies.

mod idle;
mod mistakes;
mod scene;
