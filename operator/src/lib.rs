//! weir's compiler: Kubernetes manifests in, static documents and findings out.

pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod compile;
pub mod manifest;
pub mod publish;
pub mod render;
pub mod status;
