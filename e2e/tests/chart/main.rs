//! The chart `charts/weir`: what it renders, and how a real Kubernetes API takes that. `make e2e` builds helm and the other
//! programs and runs these; `cargo test` alone leaves them out.
//!
//! What is in [`own`] needs a control plane of its own, and cannot run on a cluster that somebody else uses.

#![cfg(test)]

mod admission;
mod chart;
mod manifests;
mod monitoring;
mod notes;
mod own;
mod permissions;
mod pods;
mod published;
mod values;
