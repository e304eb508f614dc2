//! What weir's two binaries share: parsed types, match rules, the static documents and their validation,
//! and (feature `crd`) the custom resources.
//!
//! Nothing here knows a runtime, a network or a Kubernetes client.

#[cfg(feature = "crd")]
pub mod crd;
pub mod document;
pub mod duration;
pub mod entry_point;
#[cfg(feature = "fuzz")]
pub mod fuzz;
pub mod hex;
pub mod name;
pub mod path;
pub mod rule;
pub mod weight;
