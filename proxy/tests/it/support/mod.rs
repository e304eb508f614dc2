//! What the tests are written with.

mod backend;
mod client;
mod documents;
mod fixture;

pub use backend::{Backend, RawBackend, Received, answer};
pub use client::{Client, Response, get};
pub use documents::{Documents, sticky_cookie};
pub use fixture::{Fixture, until};
