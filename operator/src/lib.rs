//! weir's compiler: Kubernetes manifests in, static documents and findings out.

pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod compatibility;
pub mod compile;
pub mod explain;
pub mod manifest;
#[cfg(feature = "cluster")]
pub mod metrics;
pub mod publish;
pub mod render;
pub mod status;
#[cfg(feature = "cluster")]
pub mod telemetry;
