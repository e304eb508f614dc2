//! The command line as a user runs it: exit codes, what is printed, what is written.

mod bad_input;
mod compile;
mod lint;
mod support;
