//! Against a real Kubernetes API. `make e2e` builds its programs and runs these; `cargo test` alone leaves them out.
//!
//! What is in [`own`] needs a control plane of its own, and cannot run on a cluster that somebody else uses.

#![cfg(test)]

mod addresses;
mod columns;
mod crds;
mod integrators;
mod manifests;
mod operator;
mod own;
mod sample;
mod shape;
mod told;
