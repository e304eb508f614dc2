//! Drives weir's real binaries, as processes: what the demo and the end-to-end tests have in common.
//!
//! A [`backend::Backend`] says its name and counts what it sees, [`load::Load`] sends requests over keep-alive
//! connections and checks every answer, [`operator::Operator`] and [`proxy::Proxy`] are the two programs.

pub mod backend;
pub mod binaries;
pub mod cluster;
pub mod http;
pub mod image;
pub mod load;
pub mod markdown;
pub mod node;
pub mod operator;
pub mod proxy;
pub mod slices;
