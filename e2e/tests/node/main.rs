//! On a real node, as root. `make e2e-node` builds its programs and runs these; `cargo test` alone leaves them out.

#![cfg(test)]

mod canary;
mod delivery;
mod faults;
mod own;
mod rights;
mod rolling;
mod support;
mod versions;
