//! The command line as a user runs it: exit codes, what is printed, what is written.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail a test by panicking"
)]

mod bad_input;
mod compile;
mod explain;
mod graph;
mod lint;
mod support;
