//! Keeping clients where they were: cookies whose value names a child of a weighted service or an endpoint.
//!
//! A value is a hash of what it names, so it tells a client nothing and survives restarts, reloads and a change of proxy.
//! [`token`] has the hashes, [`names`] finds what a value names, [`cookie`] reads a request's cookie and makes the one
//! that is set; [`places`] puts them together for who has something to choose.

mod cookie;
mod names;
mod places;
mod token;

pub use cookie::Cookie;
pub use names::{Found, Names};
pub use places::Places;
pub use token::Token;
