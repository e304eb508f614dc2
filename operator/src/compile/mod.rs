//! The pure compiler.

pub mod rule;
