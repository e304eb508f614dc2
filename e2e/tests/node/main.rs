//! On a real node, as root. `make e2e-node` builds its programs and runs these; `cargo test` alone leaves them out.

#![cfg(test)]

mod canary;
mod delivery;
mod harness;
mod install;
mod readme;
mod rolling;
mod support;
mod upgrades;
mod versions;
