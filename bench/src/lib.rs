//! What the benchmark and the guards of weir's speed have in common.

pub mod objects;
